// One viewer's page for the Go test of the codecs (../codecs_test.go): opens the room given as the first argument, waits until
// the picture moves, and prints what the browser decodes as one line of JSON. With a second argument it leaves a screenshot there.
import { Person, launch } from './browser.mjs'

const [room, shot] = process.argv.slice(2)
const browser = await launch()
const person = await Person.arrive(browser, 'viewer')
try {
  await person.page.goto(room)
  await person.moving()
  await person.moving() // and goes on
  const seen = await person.page.evaluate(() => {
    const v = document.querySelector('video')
    return { width: v.videoWidth, height: v.videoHeight, frames: v.getVideoPlaybackQuality().totalVideoFrames, sound: v.webkitAudioDecodedByteCount }
  })
  if (shot) await person.page.screenshot({ path: shot })
  console.log(JSON.stringify({ ...seen, faults: person.faults }))
} catch (e) {
  console.log(JSON.stringify({ faults: [...person.faults, String(e)] }))
} finally {
  await browser.close()
}
