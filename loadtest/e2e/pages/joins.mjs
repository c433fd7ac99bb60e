// One listener's page for the Go test of tracks that join (../joins_test.go): opens the room given as the first argument, says
// "heard" when its sound plays, and then, as one line of JSON, what it found when a picture moves in the same document.
import { Person, launch } from './browser.mjs'

const [room] = process.argv.slice(2)
const browser = await launch()
const person = await Person.arrive(browser, 'listener')
try {
  await person.page.goto(room)
  await person.page.evaluate(() => (window.sameDocument = true))
  await person.page.waitForFunction(() => {
    const video = document.querySelector('video')
    return video?.currentTime > 2 && video.webkitAudioDecodedByteCount > 0
  })
  console.log('heard')
  await person.moving(60_000)
  const seen = await person.page.evaluate(() => {
    const v = document.querySelector('video')
    return { same: window.sameDocument === true, width: v.videoWidth, sound: v.webkitAudioDecodedByteCount }
  })
  console.log(JSON.stringify({ ...seen, faults: person.faults }))
} catch (e) {
  console.log(JSON.stringify({ faults: [...person.faults, String(e)] }))
} finally {
  await browser.close()
}
