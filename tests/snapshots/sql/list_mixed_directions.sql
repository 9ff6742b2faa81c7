SELECT t."id", t."room", t."title", t."classification", t."amount", t."done", t."updated_at", t."extra"
FROM "documents" AS t WHERE ((("t"."tenant_id" COLLATE BINARY = $1 AND typeof("t"."tenant_id") = 'text') AND 1))
  AND (t."title" COLLATE BINARY >= $2
  AND ((t."title" COLLATE BINARY > $3) OR (t."title" COLLATE BINARY IS $4
  AND (t."amount" < $5 OR t."amount" IS NULL)) OR (t."title" COLLATE BINARY IS $6 AND t."amount" IS $7
  AND (t."id" COLLATE BINARY < $8))))
ORDER BY t."title" COLLATE BINARY, t."amount" DESC, t."id" COLLATE BINARY DESC
LIMIT $9
-- $1 = "acme"
-- $2 = "Budget plan"
-- $3 = "Budget plan"
-- $4 = "Budget plan"
-- $5 = 12.5
-- $6 = "Budget plan"
-- $7 = 12.5
-- $8 = 1
-- $9 = 2
