// Two viewers' pages for the Go test of the overlay's delay (../overlay_test.go): opens the room given as the argument in two
// browsers, says "ready", and on any line of standard input prints what each overlay drew and when, as one line of JSON.
import { createInterface } from 'node:readline'
import { Person, launch } from './browser.mjs'

const browser = await launch()
const pages = []
for (const name of ['first', 'second']) {
  const person = await Person.arrive(browser, name)
  // Short flights keep the stage, which shows 150 at once, far from full even when the browser is held up for seconds.
  await person.context.addInitScript(() => localStorage.setItem('barrage.settings', JSON.stringify({ speed: 'fast' })))
  await person.page.goto(process.argv[2])
  await person.moving()
  pages.push(person)
}
console.log(JSON.stringify({ ready: true }))
for await (const line of createInterface({ input: process.stdin })) {
  if (line === 'end') break
  const drawn = await Promise.all(pages.map((p) => p.page.evaluate(() => window.seen.drawn.map(({ text, at }) => ({ text, at })))))
  console.log(JSON.stringify({ drawn, faults: pages.flatMap((p) => p.faults) }))
}
await browser.close()
