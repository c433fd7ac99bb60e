// The real server as a child process on free ports of loopback, with a data folder of its own.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const readyMs = 30_000
// The server reads BARRAGE_* as settings and refuses those it does not know, such as ours.
const bare = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('BARRAGE_')))

/** The binary under test: BARRAGE_BINARY, or one built now. */
async function binary() {
  if (process.env.BARRAGE_BINARY) return process.env.BARRAGE_BINARY
  const out = join(root, 'bin', 'barrage')
  const build = spawn('go', ['build', '-o', out, '.'], { cwd: root, stdio: 'inherit', env: { ...process.env, CGO_ENABLED: '0' } })
  const [code] = await once(build, 'exit')
  if (code !== 0) throw new Error('the server does not build')
  return out
}

export class Server {
  addrs = {}
  log = []

  /** Starts a server; args are added to the command line. */
  static async start(args = []) {
    const s = new Server()
    s.binary = await binary()
    s.data = await mkdtemp(join(tmpdir(), 'barrage-pages-'))
    s.args = args
    // Streamers are told the port of the configuration, so it has to be a real one.
    await s.launch('127.0.0.1:0', `127.0.0.1:${await freePort()}`)
    return s
  }

  async launch(http, rtmp) {
    this.process = spawn(this.binary, [
      'serve', '--http', http, '--rtmp', rtmp, '--admin', '127.0.0.1:0', '--data', this.data, '--log.format', 'json', ...this.args,
    ], { stdio: ['ignore', 'ignore', 'pipe'], env: bare })
    this.ended = once(this.process, 'exit')
    await new Promise((resolve, reject) => {
      const limit = setTimeout(() => reject(new Error(`the server was not ready in time\n${this.tail()}`)), readyMs)
      this.ended.then(() => reject(new Error(`the server ended\n${this.tail()}`)))
      createInterface({ input: this.process.stderr }).on('line', (line) => {
        this.log.push(line)
        const entry = parse(line)
        if (entry.msg === 'listening') this.addrs[entry.listener] = entry.addr
        if (entry.msg !== 'ready') return
        clearTimeout(limit)
        resolve()
      })
    })
  }

  /** Ends it, gracefully by "SIGTERM", and starts it again at the same addresses, over the same data. */
  async restart(signal) {
    await this.end(signal)
    await this.launch(this.addrs.http, this.addrs.rtmp)
  }

  url(path = '/') {
    return `http://${this.addrs.http}${path}`
  }

  rtmp(key) {
    return `rtmp://${this.addrs.rtmp}/live/${key}`
  }

  tail(lines = 40) {
    return this.log.slice(-lines).join('\n')
  }

  async end(signal) {
    this.process.kill(signal)
    await this.ended
  }

  async close() {
    await this.end('SIGKILL')
    await rm(this.data, { recursive: true, force: true })
  }
}

async function freePort() {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address()
  listener.close()
  await once(listener, 'close')
  return port
}

function parse(line) {
  try {
    return JSON.parse(line)
  } catch {
    return {}
  }
}
