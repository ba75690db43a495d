// Loads derivative.wasm, asks it for d/dx of x*y + sin(x) at (2, 3), and checks that an error
// reaches the host as text. The instance is dropped after an error: no destructor has run in it.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

const module = await WebAssembly.compile(await readFile(process.argv[2]));

function load() {
  let exports;
  const raise = (kind, text, size) => {
    throw new Error(new TextDecoder().decode(new Uint8Array(exports.memory.buffer, text, size)));
  };
  // libc asks for more of WASI than the engine uses (clocks, files): every call answers ENOSYS.
  const imports = { gradus: { raise } };
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    imports[from] ??= {};
    imports[from][name] ??= () => 52;
  }
  exports = new WebAssembly.Instance(module, imports).exports;
  exports._initialize?.();
  return exports;
}

const engine = load();
assert.ok(Math.abs(engine.derivative(2, 3) - (3 + Math.cos(2))) < 1e-12);
assert.throws(() => engine.clash(), /cannot broadcast/);
assert.ok(Math.abs(load().derivative(0, 1) - 2) < 1e-12);
console.log('d/dx (x*y + sin x) at (2, 3) =', engine.derivative(2, 3));
