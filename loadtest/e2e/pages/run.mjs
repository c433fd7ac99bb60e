// Looks at the pages the way people do: real server, real ffmpeg, real Chromium. Prints one JSON document with what was
// measured and what failed, and ends with 1 if anything did.
//
//   node run.mjs [--quick] [--strict]
//
// --quick   measures playback for 10 s instead of 60
// --strict  fails on a missed time as well; without it such a miss is only told, since a busy machine misses any
//
// BARRAGE_BINARY   the server to test (default: built from this checkout)
// BARRAGE_SHOTS    folder for screenshots (default: none are kept)
// CHROMIUM         the browser (default: /usr/bin/chromium)
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { launch } from './browser.mjs'
import * as steps from './steps.mjs'
import { Server } from './server.mjs'

const shots = process.env.BARRAGE_SHOTS ?? ''

const report = { ok: false, measured: {}, missed: [], steps: [], faults: [] }
const world = {
  measured: report.measured,
  people: [],
  playMs: process.argv.includes('--quick') ? 10_000 : 60_000,
  check(name, ok, detail = '') {
    if (!ok) throw new Error(`${name}${detail === '' ? '' : ': ' + JSON.stringify(detail)}`)
  },
  /** Like check, for what does not keep the next steps from going on. */
  note(name, ok, detail) {
    if (!ok) report.faults.push(`${name}: ${JSON.stringify(detail)}`)
  },
  /** A time the product aims at. */
  bar(name, met) {
    if (!met) report.missed.push(name)
  },
  async shot(person, name) {
    if (shots !== '') await person.page.screenshot({ path: join(shots, `${name}.png`) })
  },
}

try {
  if (shots !== '') await mkdir(shots, { recursive: true })
  world.server = await Server.start()
  world.browser = await launch()
  for (const step of steps.all) await run(step)
} catch (e) {
  report.faults.push(String(e.stack ?? e))
} finally {
  for (const person of world.people) report.faults.push(...person.faults)
  if (report.faults.length > 0 && world.server) report.server_log = world.server.log.slice(-40)
  if (report.faults.length > 0 && shots !== '') await keepLast()
  await Promise.race([world.browser?.close(), new Promise((resolve) => setTimeout(resolve, 5000))])
  await world.publisher?.stop('SIGKILL')
  await world.server?.close()
}

async function run(step) {
  const began = Date.now()
  try {
    await step(world)
    report.steps.push({ step: step.name, ok: true, ms: Date.now() - began })
  } catch (e) {
    report.steps.push({ step: step.name, ok: false, ms: Date.now() - began })
    throw new Error(`${step.name}: ${e.stack ?? e}`)
  }
}

async function keepLast() {
  for (const person of world.people) {
    await person.page.screenshot({ path: join(shots, `failed-${person.name}.png`), timeout: 5000 }).catch(() => undefined)
  }
}

report.ok = report.faults.length === 0 && !(process.argv.includes('--strict') && report.missed.length > 0)
console.log(JSON.stringify(report, null, 2))
process.exit(report.ok ? 0 : 1)
