SELECT t."id", t."room", t."title", t."classification", t."amount", t."done", t."updated_at", t."extra"
FROM "documents" AS t WHERE ((("t"."tenant_id" COLLATE BINARY = $1 AND typeof("t"."tenant_id") = 'text')
  AND ("t"."room" COLLATE BINARY IN ($2, $3) AND typeof("t"."room") IN ('text', 'integer'))))
ORDER BY t."title" COLLATE BINARY, t."id" COLLATE BINARY
LIMIT $4
-- $1 = "acme"
-- $2 = "finance"
-- $3 = "legal"
-- $4 = 21
