// The MCP client for TypeScript: says on standard error where a person signs in, then prints what `whoami` answers.

import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

// The packages are installed under the target directory, and not beside this file.
const require = createRequire(process.argv[3]);
const { Client, StreamableHTTPClientTransport, UnauthorizedError } =
    await import(pathToFileURL(require.resolve('@modelcontextprotocol/client')));

const answered = Promise.withResolvers();
const callback = createServer((request, response) => {
    response.writeHead(204).end();
    answered.resolve(new URL(request.url, 'http://127.0.0.1').searchParams);
});
await new Promise((listening) => callback.listen(0, '127.0.0.1', listening));
const redirectUrl = `http://127.0.0.1:${callback.address().port}/callback`;

const kept = {};
const provider = {
    redirectUrl,
    clientMetadata: { client_name: 'TypeScript client', redirect_uris: [redirectUrl], token_endpoint_auth_method: 'none' },
    clientInformation: () => kept.client,
    saveClientInformation: (client) => { kept.client = client; },
    tokens: () => kept.tokens,
    saveTokens: (tokens) => { kept.tokens = tokens; },
    codeVerifier: () => kept.verifier,
    saveCodeVerifier: (verifier) => { kept.verifier = verifier; },
    discoveryState: () => kept.discovery,
    saveDiscoveryState: (discovery) => { kept.discovery = discovery; },
    redirectToAuthorization: (address) => console.error(`sign in at ${address}`),
};

const open = () => new StreamableHTTPClientTransport(new URL(process.argv[2]), { authProvider: provider });
const client = new Client({ name: 'test', version: '0' });
const first = open();
try {
    await client.connect(first);
} catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error;
    await first.finishAuth(await answered.promise);
    await client.connect(open());
}
console.log(JSON.stringify((await client.callTool({ name: 'whoami', arguments: {} })).structuredContent));
await client.close();
callback.close();
