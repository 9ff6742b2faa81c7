SELECT t."id", t."room", t."title", t."classification", t."amount", t."done", t."updated_at", t."extra"
FROM "documents" AS t WHERE ((("t"."tenant_id" COLLATE BINARY = $1 AND typeof("t"."tenant_id") = 'text')
  AND ("t"."room" COLLATE BINARY = $2 AND typeof("t"."room") IN ('text', 'integer'))))
UNION ALL
SELECT t."id", t."room", t."title", t."classification", t."amount", t."done", t."updated_at", t."extra"
FROM "documents" AS t WHERE ((("t"."tenant_id" COLLATE BINARY = $3 AND typeof("t"."tenant_id") = 'text')
  AND ("t"."room" COLLATE BINARY = $4 AND typeof("t"."room") IN ('text', 'integer'))))
ORDER BY 7 COLLATE BINARY DESC, 1 COLLATE BINARY DESC
LIMIT $5
-- $1 = "acme"
-- $2 = "finance"
-- $3 = "acme"
-- $4 = "legal"
-- $5 = 21
