DELETE
FROM "documents" AS t WHERE ((("t"."tenant_id" COLLATE BINARY = $1 AND typeof("t"."tenant_id") = 'text')
  AND ("t"."room" COLLATE BINARY = $2 AND typeof("t"."room") IN ('text', 'integer')) AND 1))
  AND (t."id" = $3) RETURNING "id"
-- $1 = "acme"
-- $2 = "finance"
-- $3 = 1
