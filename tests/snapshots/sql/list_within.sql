WITH RECURSIVE "page parents 0" (value) AS MATERIALIZED (SELECT DISTINCT t."id"
FROM "rooms" AS t WHERE ((("t"."tenant_id" COLLATE BINARY = $1 AND typeof("t"."tenant_id") = 'text')
  AND ("t"."id" COLLATE BINARY IN ($2, $3) AND typeof("t"."id") IN ('text', 'integer')))) AND typeof(t."id") = 'text'
LIMIT $4), "page heads 0" (value, "1", "2") AS MATERIALIZED (SELECT *
FROM (SELECT h.value, t."updated_at", t."id"
FROM (SELECT value
FROM "page parents 0" WHERE NOT (SELECT count(*) > $5
FROM "page parents 0")) AS h CROSS JOIN "documents" AS t WHERE t."id" = (SELECT t."id"
FROM "documents" AS t WHERE ((("t"."tenant_id" COLLATE BINARY = $6 AND typeof("t"."tenant_id") = 'text') AND 1)) AND t."room" COLLATE BINARY = h.value
ORDER BY t."updated_at" COLLATE BINARY DESC, t."id" COLLATE BINARY DESC
LIMIT 1)
ORDER BY 2 COLLATE BINARY DESC, 3 COLLATE BINARY DESC
LIMIT $7)
UNION ALL
SELECT h.value, t."updated_at", t."id"
FROM "page heads 0" AS h CROSS JOIN "documents" AS t WHERE t."id" = coalesce((SELECT t."id"
FROM "documents" AS t WHERE ((("t"."tenant_id" COLLATE BINARY = $8 AND typeof("t"."tenant_id") = 'text') AND 1)) AND t."room" COLLATE BINARY = h.value AND t."updated_at" COLLATE BINARY = h."1" AND t."id" COLLATE BINARY < h."2"
ORDER BY t."updated_at" COLLATE BINARY DESC, t."id" COLLATE BINARY DESC
LIMIT 1), (SELECT t."id"
FROM "documents" AS t WHERE ((("t"."tenant_id" COLLATE BINARY = $9 AND typeof("t"."tenant_id") = 'text') AND 1)) AND t."room" COLLATE BINARY = h.value AND t."updated_at" COLLATE BINARY < h."1"
ORDER BY t."updated_at" COLLATE BINARY DESC, t."id" COLLATE BINARY DESC
LIMIT 1), NULL)
ORDER BY 2 COLLATE BINARY DESC, 3 COLLATE BINARY DESC
LIMIT $10) SELECT t."id", t."tenant_id", t."room", t."owner", t."level", t."updated_at"
FROM "page heads 0" AS h CROSS JOIN "documents" AS t WHERE ((("t"."tenant_id" COLLATE BINARY = $11 AND typeof("t"."tenant_id") = 'text') AND 1)) AND t."room" COLLATE BINARY = h.value AND t."id" = h."2"
UNION ALL
SELECT *
FROM (SELECT t."id", t."tenant_id", t."room", t."owner", t."level", t."updated_at"
FROM "documents" AS t WHERE ((("t"."tenant_id" COLLATE BINARY = $12 AND typeof("t"."tenant_id") = 'text') AND 1 AND EXISTS (SELECT 1
FROM "rooms" AS "within_1" WHERE "within_1"."id" COLLATE BINARY = "t"."room" AND CASE typeof("within_1"."id") WHEN 'text' THEN "within_1"."id" WHEN 'integer' THEN CAST("within_1"."id" AS TEXT) END COLLATE BINARY = CASE typeof("t"."room") WHEN 'text' THEN "t"."room" WHEN 'integer' THEN CAST("t"."room" AS TEXT) END COLLATE BINARY
  AND (("within_1"."tenant_id" COLLATE BINARY = $13 AND typeof("within_1"."tenant_id") = 'text')
  AND ("within_1"."id" COLLATE BINARY IN ($14, $15) AND typeof("within_1"."id") IN ('text', 'integer'))))))
ORDER BY t."updated_at" COLLATE BINARY DESC, t."id" COLLATE BINARY DESC
LIMIT iif((SELECT count(*) > $16
FROM "page parents 0"), $17, 0))
ORDER BY 6 COLLATE BINARY DESC, 1 COLLATE BINARY DESC
LIMIT $18
-- $1 = "acme"
-- $2 = "r3"
-- $3 = "r4"
-- $4 = 513
-- $5 = 512
-- $6 = "acme"
-- $7 = 21
-- $8 = "acme"
-- $9 = "acme"
-- $10 = 21
-- $11 = "acme"
-- $12 = "acme"
-- $13 = "acme"
-- $14 = "r3"
-- $15 = "r4"
-- $16 = 512
-- $17 = 21
-- $18 = 21
