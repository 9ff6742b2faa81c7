-- One row per recorded decision. `written` is the time of writing in microseconds since 1970, moved on where two rows
-- would share it: it is unique, it is the order of writing, and it is what retention counts from.
-- A decision has two rows where it changes something (before and after), so its id is not unique. It has no index: a
-- random key would dirty one page per row, and reading a million rows for one id takes about a second.
CREATE TABLE decisions (
    written       BIGINT NOT NULL PRIMARY KEY,
    at            BIGINT NOT NULL,
    decision      TEXT   NOT NULL,
    request       TEXT   NOT NULL,
    subject       TEXT   NOT NULL,
    external_user TEXT,
    actor         TEXT,
    client        TEXT,
    tenant        TEXT   NOT NULL,
    agent         TEXT,
    data_room     TEXT,
    thread        TEXT,
    stated        TEXT,            -- headers that could not be compared with the token
    action        TEXT   NOT NULL,
    object        TEXT   NOT NULL,
    tool          TEXT,
    verdict       TEXT   NOT NULL,
    reason        TEXT   NOT NULL,
    lines         TEXT   NOT NULL, -- a JSON list of `file:line`
    revision      TEXT   NOT NULL,
    outcome       TEXT   NOT NULL,
    answered_rows BIGINT,
    duration      BIGINT NOT NULL  -- microseconds
);

CREATE INDEX decisions_by_time ON decisions (at);
