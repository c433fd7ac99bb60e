// A segment that the disk refused: it is lost, the playlist says so, and players go on behind it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** The URL of the media playlist of the broadcast that goes on, or did when it was asked for last. */
async function playlistURL(world) {
  const { broadcast } = await (await fetch(world.server.url('/v1/channels/annlive'))).json()
  world.broadcast = broadcast ?? world.broadcast
  return world.server.url(`/live/annlive/${world.broadcast}/source/index.m3u8`)
}

async function playlist(world) {
  return (await fetch(await playlistURL(world))).text()
}

/** The segments of a media playlist: address, start in ms since 1970, duration in s, and whether it is said to be missing. */
function segments(text) {
  const list = []
  let next = {}
  for (const line of text.split('\n')) {
    const [tag, value] = [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]
    if (tag === '#EXT-X-PROGRAM-DATE-TIME') next.start = Date.parse(value)
    if (tag === '#EXTINF') next.duration = parseFloat(value)
    if (line === '#EXT-X-GAP') next.gap = true
    if (line === '' || line.startsWith('#')) continue
    list.push({ gap: false, ...next, address: line })
    next = {}
  }
  return list
}

/** Makes the disk refuse the next object of the recording, and has a player that is back in time play over the hole. */
export async function hole(world) {
  const { id, broadcast } = await (await fetch(world.server.url('/v1/channels/annlive'))).json()
  const folder = join(world.server.data, 'blobs', 'objects', 'live', id, broadcast)
  // The object that grows goes on in the folder that was moved; the next, a minute later, finds a file in its place.
  await rename(folder, `${folder}-moved`)
  await writeFile(folder, '')
  const lost = await until(world, 'a segment is said to be missing', () => playlist(world).then((t) => segments(t).find((s) => s.gap)))
  await rm(folder)
  await rename(`${folder}-moved`, folder)
  // For some seconds it is still in the memory of the server.
  await until(world, 'it is not there', async () => (await fetch(new URL(lost.address, await playlistURL(world)))).status === 404)

  await playsOver(world, lost.address)
}

/** A page with a player of somebody else's: plain hls.js. */
async function plainPlayer(world, startPosition) {
  const context = await world.browser.newContext()
  const page = await context.newPage()
  await page.setContent('<video muted></video>')
  await page.addScriptTag({ path: fileURLToPath(new URL('../../../gateway/web/app/node_modules/hls.js/dist/hls.min.js', import.meta.url)) })
  await page.evaluate(({ url, startPosition }) => {
    const hls = new Hls({ startPosition, liveDurationInfinity: true })
    window.errors = []
    hls.on(Hls.Events.ERROR, (_, data) => data.fatal && window.errors.push(data.details))
    hls.loadSource(url)
    hls.attachMedia(document.querySelector('video'))
    document.querySelector('video').play()
  }, { url: await playlistURL(world), startPosition })
  return page
}

/** From before the hole to behind it; our own page does not seek back. */
async function playsOver(world, missing) {
  const all = segments(await playlist(world))
  const at = all.findIndex((s) => s.address === missing)
  const from = all.slice(0, at).reduce((sum, s) => sum + s.duration, 0)
  const page = await plainPlayer(world, from - 3)
  const past = (time) => page.waitForFunction((t) => document.querySelector('video').currentTime > t, time, { timeout: 40_000 })
  await past(from - 1)
  world.check('it starts before the hole', (await page.evaluate(() => document.querySelector('video').currentTime)) < from + all[at].duration)
  // Behind the hole is the first segment that is there again.
  const behind = all.slice(at).findIndex((s) => !s.gap)
  await past(from + all.slice(at, at + behind).reduce((sum, s) => sum + s.duration, 0) + 3)
  const errors = await page.evaluate(() => window.errors)
  world.check('hls.js plays over the hole', errors.length === 0, errors)
  await page.context().close()
}

/** Has other players read the whole broadcast once it is over. */
export async function decodesWhole(world) {
  const all = segments(await playlist(world))
  const there = all.filter((s) => !s.gap).reduce((sum, s) => sum + s.duration, 0)
  const ffmpeg = spawn('ffmpeg', ['-v', 'error', '-progress', '-', '-i', await playlistURL(world), '-map', '0:v', '-f', 'null', '-'], { stdio: ['ignore', 'pipe', 'ignore'] })
  let out = ''
  ffmpeg.stdout.on('data', (chunk) => (out += chunk))
  const [code] = await once(ffmpeg, 'close')
  const frames = Number(out.match(/frame=(\d+)\n(?![\s\S]*frame=)/)?.[1] ?? 0)
  world.measured.whole_broadcast = { segments: all.length, gaps: all.filter((s) => s.gap).length, seconds: Math.round(there), frames }
  world.check('ffmpeg plays over the hole to the end', code === 0 && frames > there * 30 * 0.95, world.measured.whole_broadcast)
  const page = await plainPlayer(world, 0)
  const ended = await page.waitForFunction(() => Number.isFinite(document.querySelector('video').duration) && document.querySelector('video').duration, undefined, { timeout: 30_000 })
  const [duration, length] = [await ended.jsonValue(), all.reduce((sum, s) => sum + s.duration, 0)]
  world.check('hls.js knows how long the broadcast was', Math.abs(duration - length) < 1, { duration, length })
  await page.context().close()
}

async function until(world, what, ask) {
  for (const end = Date.now() + 90_000; Date.now() < end; await wait(500)) {
    const answer = await ask()
    if (answer) return answer
  }
  throw new Error(`not within 90 s: ${what}\n${await playlist(world)}`)
}
