// Adds a token to every request, because the conformance suite cannot send one. Everything else passes as it is, so that Host and
// Origin are what the suite says. Usage: node proxy.mjs PORT TARGET_PORT TOKEN_FILE
import http from 'node:http';
import { readFileSync } from 'node:fs';

const [port, target, tokenFile] = process.argv.slice(2);
const authorization = `Bearer ${readFileSync(tokenFile, 'utf8').trim()}`;

http
  .createServer((request, response) => {
    const headers = { ...request.headers, authorization };
    const onward = { host: '127.0.0.1', port: Number(target), method: request.method, path: request.url, headers };
    const server = http.request(onward, (answer) => {
      response.writeHead(answer.statusCode, answer.rawHeaders);
      answer.pipe(response);
    });
    server.on('error', () => response.destroy());
    response.on('close', () => server.destroy());
    request.pipe(server);
  })
  .listen(Number(port), '127.0.0.1', () => console.log('ready'));
