// OBS, the real streamer, under a virtual display: streams for a while, stops and starts again within the grace, by its own
// remote control; then it crashes and is started anew. A page that watches all the time must go on without reload. Run by
// `make e2e`; needs obs-studio, xvfb and chromium.
//
//   node loadtest/e2e/obs/obs.mjs            prints one JSON line with what was measured; exit code 1 if the page did not go on
//   OBS_SECONDS=20 node ...         a shorter run (default 60 s of streaming before the stop)
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { mkdtempSync, mkdirSync, writeFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createRequire } from 'node:module'
import { setTimeout as wait } from 'node:timers/promises'

const here = dirname(fileURLToPath(import.meta.url))
const { chromium } = createRequire(join(here, '../pages/package.json'))('playwright-core')
const binary = process.env.BARRAGE_BINARY ?? join(here, '../../../bin/barrage')
const seconds = Number(process.env.OBS_SECONDS ?? 60)
const work = mkdtempSync(join(tmpdir(), 'barrage-obs-'))
const children = new Set()
// The server reads BARRAGE_* as settings and refuses those it does not know, such as ours.
const bare = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('BARRAGE_')))

function run(command, args, options = {}) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: bare, ...options })
  child.output = ''
  for (const pipe of [child.stdout, child.stderr]) pipe.on('data', (b) => (child.output = (child.output + b).slice(-20000)))
  child.ended = new Promise((resolve) => child.on('exit', resolve))
  child.ended.then(() => children.delete(child))
  children.add(child)
  return child
}

async function stop(child, signal) {
  child.kill(signal)
  await Promise.race([child.ended, wait(15000).then(() => child.kill('SIGKILL'))])
}

async function until(what, limit, ok) {
  const begin = Date.now()
  for (;;) {
    const got = await ok()
    if (got) return got
    if (Date.now() - begin > limit) throw new Error(`${what}: not within ${limit} ms`)
    await wait(100)
  }
}

async function serve() {
  const child = run(binary, ['serve', '--http', '127.0.0.1:0', '--admin', '127.0.0.1:0', '--rtmp', '127.0.0.1:0',
    '--data', join(work, 'data'), '--log.format', 'json'])
  const addrs = {}
  await until('server ready', 30000, () => {
    for (const line of child.output.split('\n')) {
      try {
        const l = JSON.parse(line)
        if (l.msg === 'listening') addrs[l.listener] = l.addr
        if (l.msg === 'ready') return true
      } catch { /* a partial line; the next look reads it whole */ }
    }
  })
  return { child, http: `http://${addrs.http}`, rtmp: `rtmp://${addrs.rtmp}/live` }
}

async function freePort() {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address()
  listener.close()
  await once(listener, 'close')
  return port
}

async function post(server, path, token, body) {
  const answer = await fetch(server.http + path, {
    method: 'POST', body: JSON.stringify(body),
    headers: { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) },
  })
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
  return answer.json()
}

// configure writes what OBS 29 reads at start: no wizard, remote control on a port, one profile that streams to us, one scene with a colour.
function configure(server, key, port) {
  const home = join(work, 'home/.config/obs-studio')
  const profile = join(home, 'basic/profiles/barrage')
  mkdirSync(profile, { recursive: true })
  mkdirSync(join(home, 'basic/scenes'), { recursive: true })
  writeFileSync(join(home, 'global.ini'), '[General]\nFirstRun=true\nLastVersion=486539266\n[Basic]\n' +
    'Profile=barrage\nProfileDir=barrage\nSceneCollection=barrage\nSceneCollectionFile=barrage\n' +
    `[OBSWebSocket]\nFirstLoad=false\nServerEnabled=true\nServerPort=${port}\nAuthRequired=false\nAlertsEnabled=false\n`)
  writeFileSync(join(profile, 'basic.ini'), '[General]\nName=barrage\n[Output]\nMode=Simple\n' +
    '[SimpleOutput]\nVBitrate=1000\nABitrate=128\nStreamEncoder=x264\nPreset=ultrafast\nUseAdvanced=true\n' +
    'x264Settings=keyint=30\n[Video]\nBaseCX=640\nBaseCY=360\nOutputCX=640\nOutputCY=360\nFPSCommon=30\n')
  writeFileSync(join(profile, 'service.json'), JSON.stringify({
    type: 'rtmp_custom', settings: { server: server.rtmp, key, use_auth: false },
  }))
  writeFileSync(join(home, 'basic/scenes/barrage.json'), JSON.stringify({
    name: 'barrage', current_scene: 'Scene', current_program_scene: 'Scene',
    scene_order: [{ name: 'Scene' }],
    sources: [
      { id: 'color_source', versioned_id: 'color_source_v3', name: 'Colour', settings: { color: 4290772992, width: 640, height: 360 } },
      { id: 'scene', name: 'Scene', settings: { id_counter: 1, items: [{ name: 'Colour', id: 1, visible: true }] } },
    ],
  }))
}

// display starts a virtual display and returns its name when programs can use it; the number is any that is free.
async function display() {
  const child = run('Xvfb', ['-displayfd', '3', '-screen', '0', '1280x720x24'], { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] })
  let number = ''
  child.stdio[3].on('data', (b) => (number += b))
  await until('virtual display', 30000, () => number.endsWith('\n'))
  return `:${number.trim()}`
}

function obs(screen) {
  return run('obs', ['--startstreaming', '--minimize-to-tray', '--multi', '--collection', 'barrage', '--profile', 'barrage'], {
    env: { ...bare, HOME: join(work, 'home'), XDG_CONFIG_HOME: join(work, 'home/.config'), DISPLAY: screen, LIBGL_ALWAYS_SOFTWARE: '1', QT_QPA_PLATFORM: 'xcb' },
  })
}

const video = (page) => page.evaluate(() => {
  const v = document.querySelector('video')
  return v ? { time: v.currentTime, frames: v.getVideoPlaybackQuality().totalVideoFrames, mark: window.watchedSince } : null
})

// remote speaks obs-websocket 5 (RPC version 1) from a page of the browser: Hello, Identify, then one request at a time.
async function remote(browser, port) {
  const page = await browser.newPage()
  const connect = (url) => page.evaluate((address) => new Promise((resolve) => {
    const line = new WebSocket(address)
    const waiting = new Map()
    line.onclose = () => resolve(false)
    line.onmessage = ({ data }) => {
      const { op, d } = JSON.parse(data)
      if (op === 0) line.send(JSON.stringify({ op: 1, d: { rpcVersion: 1, eventSubscriptions: 0 } }))
      if (op === 2) resolve(true)
      if (op === 7) waiting.get(d.requestId)?.(d.requestStatus)
    }
    let n = 0
    window.request = (requestType) => new Promise((answered) => {
      waiting.set(String(++n), answered)
      line.send(JSON.stringify({ op: 6, d: { requestType, requestId: String(n) } }))
    })
  }), url)
  await until('the remote control of OBS', 30000, () => connect(`ws://127.0.0.1:${port}`))
  return async (requestType) => {
    const status = await page.evaluate((r) => window.request(r), requestType)
    if (!status.result) throw new Error(`OBS refused ${requestType}: ${JSON.stringify(status)}`)
  }
}

async function watch(browser, server) {
  const page = await browser.newPage()
  const faults = []
  // A playlist that is waited for is refused 503 when no publisher came for three target durations; the browser reports that itself.
  page.on('console', (m) => m.type() === 'error' && !/status of 503/.test(m.text()) && faults.push(m.text()))
  page.on('pageerror', (e) => faults.push(String(e)))
  await page.goto(server.http + '/@obs')
  await page.evaluate(() => (window.watchedSince = performance.now()))
  await until('first picture', 30000, async () => (await video(page))?.frames > 0)
  return { page, faults }
}

async function main() {
  const server = await serve()
  const { access_token: token } = await post(server, '/v1/auth/register', '', { handle: 'obs', password: 'correct horse battery' })
  await post(server, '/v1/channels', token, { name: 'obs', title: 'OBS under a virtual display' })
  const { stream_key: key } = await post(server, '/v1/channels/obs/keys', token, {})
  const port = await freePort()
  configure(server, key, port)
  const screen = await display()
  let streamer = obs(screen)
  const state = async (wanted) => (await (await fetch(server.http + '/v1/channels/obs')).json()).state === wanted
  await until('OBS live', 60000, () => state('live'))
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-quic',
    '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required'] })
  const { page, faults } = await watch(browser, server)
  await wait(seconds * 1000)
  const report = { streamed_seconds: seconds, before: await video(page) }

  const goesOn = async (how, begin) => {
    await until(`interrupted after ${how}`, 30000, () => state('interrupted'))
    await wait(3000)
    const gap = await video(page)
    await begin()
    await until(`live again after ${how}`, 25000, () => state('live'))
    await until(`the picture goes on after ${how}`, 30000, async () => (await video(page)).frames > gap.frames + 150)
    report[how] = { gap, after: await video(page) }
  }
  const control = await remote(browser, port)
  await control('StopStream')
  await goesOn('stopped', () => control('StartStream'))
  await stop(streamer, 'SIGKILL')
  rmSync(join(work, 'home/.config/obs-studio/.sentinel'), { recursive: true, force: true }) // later versions ask about the crash
  await goesOn('crashed', () => (streamer = obs(screen)))

  report.same_page = report.before.mark !== undefined && report.before.mark === report.crashed.after.mark
  report.console_errors = faults
  console.log(JSON.stringify(report))
  await browser.close()
  await stop(streamer, 'SIGKILL')
  await stop(server.child, 'SIGTERM')
  if (!report.same_page || report.before.time < seconds * 0.8 || faults.length) throw new Error('the open page did not go on as it should')
}

main().then(() => 0, (e) => {
  console.error(e)
  for (const c of children) console.error(`--- ${c.spawnfile}\n${c.output.slice(-3000)}`)
  return 1
}).then(async (code) => {
  await Promise.all([...children].map((c) => stop(c, c.spawnfile === 'Xvfb' ? 'SIGTERM' : 'SIGKILL'))) // Xvfb removes its lock
  rmSync(work, { recursive: true, force: true })
  process.exit(code)
})
