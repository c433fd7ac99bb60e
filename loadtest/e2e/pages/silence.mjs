// Two players for the Go test of the silent publisher (../silence_test.go): our page of the room given as the first argument, and
// plain hls.js on the playlist given as the second. For each line of standard input it waits until the picture moves in both, and
// prints a line of JSON.
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Person, launch } from './browser.mjs'

const [room, playlist] = process.argv.slice(2)
const library = fileURLToPath(new URL('../../../gateway/web/app/node_modules/hls.js/dist/hls.min.js', import.meta.url))

const browser = await launch()
const ours = await Person.arrive(browser, 'viewer')
await ours.page.goto(room)
await ours.page.evaluate(() => (window.sameDocument = true))
const theirs = await Person.arrive(browser, 'hls.js')
await theirs.page.setContent('<video muted></video>')
await theirs.page.addScriptTag({ path: library })
await theirs.page.evaluate((url) => {
  window.sameDocument = true
  window.errors = []
  const hls = new Hls()
  hls.on(Hls.Events.ERROR, (_, data) => window.errors.push({ details: data.details, fatal: data.fatal }))
  hls.loadSource(url)
  hls.attachMedia(document.querySelector('video'))
  document.querySelector('video').play()
}, playlist)

async function report() {
  const out = []
  for (const person of [ours, theirs]) {
    const moving = await person.moving(60_000).then(() => true, () => false)
    const seen = await person.page.evaluate(() => ({ same: window.sameDocument === true, errors: window.errors ?? [], at: document.querySelector('video').currentTime }))
    out.push({ name: person.name, moving, ...seen, faults: person.faults })
  }
  console.log(JSON.stringify(out))
}

for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'end') break
  await report()
}
await browser.close()
