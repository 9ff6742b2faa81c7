SELECT count(*)
FROM "documents" AS t WHERE ((("t"."tenant_id" COLLATE BINARY = $1 AND typeof("t"."tenant_id") = 'text') AND 1))
-- $1 = "acme"
