-- The tables of a company that keeps several tenants in one database. Nothing here knows of Bailiwick.
CREATE TABLE data_rooms (
    id          TEXT NOT NULL PRIMARY KEY,
    tenant_id   TEXT NOT NULL,
    name        TEXT NOT NULL,
    description TEXT NOT NULL
);

CREATE TABLE people (
    id         TEXT NOT NULL PRIMARY KEY,
    tenant_id  TEXT NOT NULL,
    name       TEXT NOT NULL,
    title      TEXT NOT NULL,
    email      TEXT NOT NULL,
    salary     INTEGER,
    manager_id TEXT REFERENCES people (id)
);

CREATE TABLE documents (
    id             INTEGER PRIMARY KEY,
    tenant_id      TEXT NOT NULL,
    data_room_id   TEXT NOT NULL REFERENCES data_rooms (id),
    owner_id       TEXT NOT NULL REFERENCES people (id),
    title          TEXT NOT NULL,
    body           TEXT NOT NULL,
    classification TEXT NOT NULL CHECK (classification IN ('public', 'internal', 'secret')),
    updated_at     TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
);

CREATE TABLE invoices (
    id        TEXT NOT NULL PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    owner_id  TEXT NOT NULL REFERENCES people (id),
    customer  TEXT NOT NULL,
    amount    REAL NOT NULL,
    currency  TEXT NOT NULL,
    status    TEXT NOT NULL CHECK (status IN ('draft', 'sent', 'paid', 'overdue')),
    issued_at TEXT NOT NULL
);

CREATE TABLE invoice_lines (
    invoice_id  TEXT    NOT NULL REFERENCES invoices (id),
    line_no     INTEGER NOT NULL,
    description TEXT    NOT NULL,
    quantity    INTEGER NOT NULL,
    unit_price  REAL    NOT NULL,
    PRIMARY KEY (invoice_id, line_no)
);
