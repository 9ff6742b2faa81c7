SELECT count(*)
FROM "documents" AS t WHERE ((("t"."tenant_id" COLLATE BINARY = $1 AND typeof("t"."tenant_id") = 'text') AND 1))
  AND (t."room" COLLATE BINARY = $2)
-- $1 = "acme"
-- $2 = "finance"
