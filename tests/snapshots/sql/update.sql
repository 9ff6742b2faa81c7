UPDATE OR ABORT "documents" AS t SET "title" = $1, "extra" = $2 WHERE ((("t"."tenant_id" COLLATE BINARY = $3 AND typeof("t"."tenant_id") = 'text')
  AND ("t"."room" COLLATE BINARY = $4 AND typeof("t"."room") IN ('text', 'integer')) AND 1))
  AND (t."id" = $5) RETURNING "id"
-- $1 = "Newer"
-- $2 = "{\"a\":[1]}"
-- $3 = "acme"
-- $4 = "finance"
-- $5 = 1
