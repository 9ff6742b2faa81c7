SELECT t."id", t."room", t."title", t."body", t."classification", t."amount", t."done", t."updated_at", t."extra", t."picture"
FROM "documents" AS t WHERE ((("t"."tenant_id" COLLATE BINARY = $1 AND typeof("t"."tenant_id") = 'text')
  AND ("t"."room" COLLATE BINARY = $2 AND typeof("t"."room") IN ('text', 'integer')) AND 1)) AND t."id" COLLATE BINARY = $3
LIMIT 2
-- $1 = "acme"
-- $2 = "finance"
-- $3 = 0
