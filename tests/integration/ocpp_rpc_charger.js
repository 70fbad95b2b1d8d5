'use strict';
// A charger made of the npm package ocpp-rpc, with its strict schemas on, in both directions.
//
// Usage: node ocpp_rpc_charger.js ENDPOINT IDENTITY [PASSWORD]
//
// Commands come as lines of JSON on standard input: {"call": ACTION, "params": {...}}. Everything
// that happens goes to standard output, one JSON object a line: {"open": PROTOCOL},
// {"result": {...}} or {"error": CODE, "message": ...} for each command, {"asked": ACTION,
// "params": {...}} for each CALL of the server, {"unfit": ...} for what does not fit the schemas, and
// {"refused": ...} if no connection comes about. It ends with its input.
const readline = require('node:readline');
const { RPCClient } = require('ocpp-rpc');

const [endpoint, identity, password] = process.argv.slice(2);
const tell = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

const charger = new RPCClient({
    endpoint,
    identity,
    password,
    protocols: ['ocpp1.6'],
    strictMode: true,
    reconnect: false,
    callTimeoutMs: 15000,
});

charger.on('strictValidationFailure', ({ error, method }) => {
    tell({ unfit: `${method ?? ''} ${error.message} ${JSON.stringify(error.details ?? {})}` });
});
charger.on('badMessage', ({ error }) => tell({ unfit: error.message }));
charger.on('close', ({ code, reason }) => tell({ closed: code, reason: String(reason) }));
const answers = {
    GetConfiguration: ({ key }) => ({ configurationKey: [], unknownKey: key ?? [] }),
    GetLocalListVersion: () => ({ listVersion: -1 }),
};
charger.handle(({ method, params }) => {
    tell({ asked: method, params });
    return answers[method]?.(params) ?? { status: 'Accepted' };
});

async function obey(line) {
    const { call, params } = JSON.parse(line);
    try {
        tell({ result: await charger.call(call, params) });
    } catch (error) {
        tell({ error: error.rpcErrorCode ?? error.name, message: error.message });
    }
}

async function main() {
    try {
        await charger.connect();
    } catch (error) {
        tell({ refused: error.message, code: error.code ?? null });
        process.exitCode = 1;
        return;
    }
    tell({ open: charger.protocol });
    for await (const line of readline.createInterface({ input: process.stdin })) await obey(line);
    await charger.close({ awaitPending: false });
}

main();
