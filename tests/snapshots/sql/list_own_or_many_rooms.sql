WITH RECURSIVE "page heads 0" (value, "1", "2") AS MATERIALIZED (SELECT *
FROM (SELECT h.value, t."updated_at", t."id"
FROM json_each($1) AS h CROSS JOIN "documents" AS t WHERE t."id" = (SELECT t."id"
FROM "documents" AS t WHERE ((("t"."tenant_id" COLLATE BINARY = $2 AND typeof("t"."tenant_id") = 'text') AND 1)) AND t."room" COLLATE BINARY = h.value
ORDER BY t."updated_at" COLLATE BINARY DESC, t."id" COLLATE BINARY DESC
LIMIT 1)
ORDER BY 2 COLLATE BINARY DESC, 3 COLLATE BINARY DESC
LIMIT $3)
UNION ALL
SELECT h.value, t."updated_at", t."id"
FROM "page heads 0" AS h CROSS JOIN "documents" AS t WHERE t."id" = coalesce((SELECT t."id"
FROM "documents" AS t WHERE ((("t"."tenant_id" COLLATE BINARY = $4 AND typeof("t"."tenant_id") = 'text') AND 1)) AND t."room" COLLATE BINARY = h.value AND t."updated_at" COLLATE BINARY = h."1" AND t."id" COLLATE BINARY < h."2"
ORDER BY t."updated_at" COLLATE BINARY DESC, t."id" COLLATE BINARY DESC
LIMIT 1), (SELECT t."id"
FROM "documents" AS t WHERE ((("t"."tenant_id" COLLATE BINARY = $5 AND typeof("t"."tenant_id") = 'text') AND 1)) AND t."room" COLLATE BINARY = h.value AND t."updated_at" COLLATE BINARY < h."1"
ORDER BY t."updated_at" COLLATE BINARY DESC, t."id" COLLATE BINARY DESC
LIMIT 1), NULL)
ORDER BY 2 COLLATE BINARY DESC, 3 COLLATE BINARY DESC
LIMIT $6) SELECT t."id", t."tenant_id", t."room", t."owner", t."level", t."updated_at"
FROM "page heads 0" AS h CROSS JOIN "documents" AS t WHERE ((("t"."tenant_id" COLLATE BINARY = $7 AND typeof("t"."tenant_id") = 'text') AND 1)) AND t."room" COLLATE BINARY = h.value AND t."id" = h."2"
UNION ALL
SELECT t."id", t."tenant_id", t."room", t."owner", t."level", t."updated_at"
FROM "documents" AS t WHERE ((("t"."tenant_id" COLLATE BINARY = $8 AND typeof("t"."tenant_id") = 'text')
  AND ("t"."owner" COLLATE BINARY = $9 AND typeof("t"."owner") IN ('text', 'integer')))) AND t."id" COLLATE BINARY NOT IN (SELECT h."2"
FROM "page heads 0" AS h)
ORDER BY 6 COLLATE BINARY DESC, 1 COLLATE BINARY DESC
LIMIT $10
-- $1 = "[\"r1\",\"r10\",\"r11\",\"r12\",\"r13\",\"r14\",\"r15\",\"r16\",\"r17\",\"r18\",\"r19\",\"r2\",\"r20\",\"r21\",\"r22\",\"r23\",\"r24\",\"r25\",\"r26\",\"r27\",\"r28\",\"r29\",\"r3\",\"r30\",\"r31\",\"r32\",\"r33\",\"r34\",\"r35\",\"r36\",\"r37\",\"r38\",\"r39\",\"r4\",\"r40\",\"r41\",\"r42\",\"r43\",\"r44\",\"r45\",\"r46\",\"r47\",\"r48\",\"r49\",\"r5\",\"r50\",\"r6\",\"r7\",\"r8\",\"r9\"]"
-- $2 = "acme"
-- $3 = 21
-- $4 = "acme"
-- $5 = "acme"
-- $6 = 21
-- $7 = "acme"
-- $8 = "acme"
-- $9 = "p1"
-- $10 = 21
