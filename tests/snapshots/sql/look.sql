SELECT CASE WHEN ((t."id" = $1)) THEN $2 WHEN ((typeof(t."id") = 'text' AND t."id" COLLATE BINARY = $3)) THEN $4 END, t."updated_at"
FROM "documents" AS t WHERE ((("t"."tenant_id" COLLATE BINARY = $5 AND typeof("t"."tenant_id") = 'text')
  AND ("t"."room" COLLATE BINARY IN ($6, $7) AND typeof("t"."room") IN ('text', 'integer'))))
  AND (((t."id" = $8)) OR ((typeof(t."id") = 'text' AND t."id" COLLATE BINARY = $9)))
-- $1 = 1
-- $2 = 0
-- $3 = "x"
-- $4 = 1
-- $5 = "acme"
-- $6 = "finance"
-- $7 = "legal"
-- $8 = 1
-- $9 = "x"
