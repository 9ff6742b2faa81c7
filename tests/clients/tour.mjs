// The MCP clients for TypeScript, the line of @modelcontextprotocol/sdk and that of @modelcontextprotocol/client, and whatever
// either can start as a command: each does what there is to do as one person, and prints what it got. The arguments are where the
// packages are, because they are not beside this file, and JSON: how to connect, as whom, and what to ask for.

import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(process.argv[2]);
const asked = JSON.parse(process.argv[3]);
const load = async (path) => await import(pathToFileURL(require.resolve(path)));
const headers = { Authorization: `Bearer ${asked.token}` };
const about = { name: 'tour', version: '0' };

const connections = {
    async sdk() {
        const { Client } = await load('@modelcontextprotocol/sdk/client/index.js');
        const { StreamableHTTPClientTransport } = await load('@modelcontextprotocol/sdk/client/streamableHttp.js');
        const transport = new StreamableHTTPClientTransport(new URL(asked.url), { requestInit: { headers } });
        const client = new Client(about);
        await client.connect(transport);
        return [client, transport.protocolVersion];
    },
    async client() {
        const { Client, StreamableHTTPClientTransport } = await load('@modelcontextprotocol/client');
        const transport = new StreamableHTTPClientTransport(new URL(asked.url), { requestInit: { headers } });
        const mode = ['legacy', 'auto'].includes(asked.mode) ? asked.mode : { pin: asked.mode };
        const client = new Client(about, { versionNegotiation: { mode } });
        await client.connect(transport);
        return [client, client.getNegotiatedProtocolVersion()];
    },
    async command() {
        const { Client } = await load('@modelcontextprotocol/sdk/client/index.js');
        const { StdioClientTransport } = await load('@modelcontextprotocol/sdk/client/stdio.js');
        const [command, ...args] = asked.command;
        const client = new Client(about);
        await client.connect(new StdioClientTransport({ command, args, env: process.env }));
        return [client, client.getServerVersion().name];
    },
};

const [client, version] = await connections[asked.client]();

async function every(list, member) {
    const found = [];
    let cursor;
    do {
        const page = await list(cursor ? { cursor } : {});
        found.push(...page[member]);
        cursor = page.nextCursor;
    } while (cursor);
    return found;
}

const call = (name, args) => client.callTool({ name, arguments: args });
const complete = async (ref, name) =>
    (await client.complete({ ref, argument: { name, value: asked.begin } })).completion.values;

async function read(uri) {
    try {
        return (await client.readResource({ uri })).contents[0].text;
    } catch (error) {
        return { code: error.code, message: error.message };
    }
}

const hidden = await call('get_documents', { id: asked.hidden });
const prompt = await client.getPrompt({ name: 'review_document', arguments: { document: asked.document } });
const reads = {};
for (const uri of asked.read) reads[uri] = await read(uri);
console.log(JSON.stringify({
    version,
    tools: (await every((page) => client.listTools(page), 'tools')).map((tool) => tool.name),
    resources: (await every((page) => client.listResources(page), 'resources')).map((resource) => resource.uri),
    templates: (await every((page) => client.listResourceTemplates(page), 'resourceTemplates'))
        .map((template) => template.uriTemplate),
    prompts: (await every((page) => client.listPrompts(page), 'prompts')).map((prompt) => prompt.name),
    who: (await call('whoami', {})).structuredContent,
    count: (await call('count_documents', {})).structuredContent.count,
    hidden: [hidden.isError, hidden.content[0].text],
    read: reads,
    prompt: prompt.messages[0].content.text,
    completed: [
        await complete({ type: 'ref/resource', uri: 'bailiwick://documents/{id}' }, 'id'),
        await complete({ type: 'ref/prompt', name: 'review_document' }, 'document'),
    ],
}));
await client.close();
