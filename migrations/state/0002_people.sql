-- The link that lets whoever has it make the first account: one at a time, of use only while there is no account.
CREATE TABLE set_up_links (
    id         BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    hash       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
