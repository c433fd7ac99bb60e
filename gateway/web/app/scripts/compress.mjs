// Leaves a .br and a .gz copy beside every text file of the build that they make smaller; the server sends them as they are.
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

const dist = fileURLToPath(new URL('../../dist', import.meta.url))
const texts = new Set(['.js', '.css', '.html', '.svg', '.json', '.webmanifest'])
const smallest = 1024

for (const entry of await readdir(dist, { recursive: true, withFileTypes: true })) {
  const file = join(entry.parentPath, entry.name)
  if (!entry.isFile() || !texts.has(extname(entry.name))) continue
  const body = await readFile(file)
  if (body.length < smallest) continue
  await write(file + '.br', brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: body.length } }), body)
  await write(file + '.gz', gzipSync(body, { level: 9 }), body)
}

async function write(file, copy, body) {
  if (copy.length < body.length) await writeFile(file, copy)
}
