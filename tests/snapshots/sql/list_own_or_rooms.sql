SELECT t."id", t."tenant_id", t."room", t."owner", t."level", t."updated_at"
FROM "documents" AS t WHERE ((("t"."tenant_id" COLLATE BINARY = $1 AND typeof("t"."tenant_id") = 'text')
  AND ("t"."room" COLLATE BINARY = $2 AND typeof("t"."room") IN ('text', 'integer'))))
UNION ALL
SELECT t."id", t."tenant_id", t."room", t."owner", t."level", t."updated_at"
FROM "documents" AS t WHERE ((("t"."tenant_id" COLLATE BINARY = $3 AND typeof("t"."tenant_id") = 'text')
  AND ("t"."room" COLLATE BINARY = $4 AND typeof("t"."room") IN ('text', 'integer'))))
UNION ALL
SELECT t."id", t."tenant_id", t."room", t."owner", t."level", t."updated_at"
FROM "documents" AS t WHERE ((("t"."tenant_id" COLLATE BINARY = $5 AND typeof("t"."tenant_id") = 'text')
  AND ("t"."room" COLLATE BINARY = $6 AND typeof("t"."room") IN ('text', 'integer'))))
UNION ALL
SELECT t."id", t."tenant_id", t."room", t."owner", t."level", t."updated_at"
FROM "documents" AS t WHERE ((("t"."tenant_id" COLLATE BINARY = $7 AND typeof("t"."tenant_id") = 'text')
  AND ("t"."room" COLLATE BINARY = $8 AND typeof("t"."room") IN ('text', 'integer'))))
UNION ALL
SELECT t."id", t."tenant_id", t."room", t."owner", t."level", t."updated_at"
FROM "documents" AS t WHERE ((("t"."tenant_id" COLLATE BINARY = $9 AND typeof("t"."tenant_id") = 'text')
  AND ("t"."owner" COLLATE BINARY = $10 AND typeof("t"."owner") IN ('text', 'integer'))))
  AND (("t"."room" COLLATE BINARY IN ($11, $12, $13, $14) AND typeof("t"."room") IN ('text', 'integer'))) IS NOT TRUE
ORDER BY 6 COLLATE BINARY DESC, 1 COLLATE BINARY DESC
LIMIT $15
-- $1 = "acme"
-- $2 = "r1"
-- $3 = "acme"
-- $4 = "r2"
-- $5 = "acme"
-- $6 = "r3"
-- $7 = "acme"
-- $8 = "r4"
-- $9 = "acme"
-- $10 = "p1"
-- $11 = "r1"
-- $12 = "r2"
-- $13 = "r3"
-- $14 = "r4"
-- $15 = 21
