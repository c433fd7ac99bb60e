// Going back within what is live, and recordings: the pictures of before with the danmaku that were said on them.
import { accessible, narrow, Person, phone } from './browser.mjs'
import { onItsPicture } from './picture.mjs'

async function arrive(world, name, options) {
  const person = await Person.arrive(world.browser, name, options)
  world.people.push(person)
  return person
}

async function leave(world, person) {
  if (person.faults.length > 0) throw new Error(person.faults.join('\n'))
  world.people.splice(world.people.indexOf(person), 1)
  await person.context.close()
}


/** Moves the picture by keys on the seek bar. */
async function press(person, key, times = 1) {
  const bar = person.page.getByRole('slider', { name: 'Position' })
  await bar.focus()
  for (let i = 0; i < times; i++) await person.page.keyboard.press(key)
}

const back = (person, is) => person.page.locator(`.stage[data-back="${is}"]`).waitFor()
const drawnCount = (person, text) => person.page.evaluate((t) => window.seen.drawn.filter((d) => d.text === t).length, text)

/** A danmaku as the server keeps it, once it is in the log. */
async function kept(world, text) {
  const { room } = await (await fetch(world.server.url('/v1/channels/annlive'))).json()
  const { danmaku } = await (await fetch(world.server.url(`/v1/rooms/${room}/danmaku?limit=200`))).json()
  return danmaku.find((d) => d.text === text)
}

/** Whoever goes back sees what was said on these pictures, and not what is said now; at the edge it is the other way round. */
export async function watchBack(world) {
  const { bob } = world
  const said = await bob.say('said on this picture')
  await bob.drawn('said on this picture')
  world.said = { ...said, ...(await kept(world, 'said on this picture')) }
  const saidAt = world.said.media_time_ms
  const late = await arrive(world, 'late')
  await late.page.goto(`${bob.home}/@annlive`)
  await late.moving()
  await late.page.waitForTimeout(8000)
  world.check('the past is not in the air', (await drawnCount(late, 'said on this picture')) === 0)
  const asked = []
  late.page.on('request', (r) => r.url().includes('/danmaku?') && asked.push(r.url()))
  await late.page.goto(`${bob.home}/@annlive?t=${Math.floor(saidAt / 1000) - 3}`)
  await back(late, true)
  await late.moving()
  onItsPicture(world, 'going back', said, await late.drawn('said on this picture'))
  world.check('one request for a minute', new Set(asked).size === asked.length && asked.length <= 2, asked)
  await bob.say('said now')
  await bob.drawn('said now')
  await late.page.getByText(/^−0:/).first().waitFor()
  world.check('what is said now is not on the picture of before', (await drawnCount(late, 'said now')) === 0)
  await world.shot(late, 'room-back-desktop')
  await accessible(world, late, 'the room for who is back')

  await standsWithThePicture(world, late)
  await late.page.getByRole('button', { name: 'Go to live' }).click()
  await back(late, false)
  await late.moving()
  await bob.say('live again')
  await late.drawn('live again')
  await pausedIsBack(world, late)
  await leave(world, late)
}

/** What flies stands while the picture does. */
async function standsWithThePicture(world, person) {
  await press(person, 'ArrowLeft', 3)
  await person.page.waitForFunction(() => document.querySelectorAll('.danmaku').length > 0, undefined, { timeout: 30_000 })
  await person.page.keyboard.press('k')
  await person.page.waitForTimeout(200)
  const places = () => person.page.evaluate(() => [...document.querySelectorAll('.danmaku')].map((d) => d.parentElement.style.transform).join())
  const before = await places()
  await person.page.waitForTimeout(600)
  world.check('what flies stands while the picture does', before !== '' && (await places()) === before, before)
  await person.page.keyboard.press('k')
  await person.moving()
}

/** Who pauses goes on where the pause began. */
async function pausedIsBack(world, person) {
  await person.page.keyboard.press('k')
  const at = await person.page.evaluate(() => document.querySelector('video').currentTime)
  await person.page.waitForTimeout(6000)
  await person.page.keyboard.press('k')
  await back(person, true)
  await person.moving()
  const now = await person.page.evaluate(() => document.querySelector('video').currentTime)
  world.check('after a pause it goes on where it stopped', now - at < 4, { at, now })
}

/** A danmaku of somebody who is back carries the time of the picture in view, and others who go there see it. */
export async function saidWhileBack(world) {
  const { bob } = world
  await press(bob, 'ArrowLeft', 3)
  await back(bob, true)
  await bob.moving()
  const before = await bob.page.evaluate(() => document.querySelector('video').currentTime)
  await bob.say('said while back')
  await bob.drawn('said while back')
  const after = await bob.page.evaluate(() => document.querySelector('video').currentTime)
  const { broadcast, broadcast_start_ms: start } = await (await fetch(world.server.url('/v1/channels/annlive'))).json()
  const mine = await kept(world, 'said while back')
  const sentAt = mine.sent_at_ms - start
  world.check('it carries the time of the picture', sentAt - mine.media_time_ms > 10_000, { mine, sentAt, before, after })
  const minute = Math.floor(mine.media_time_ms / 60_000) * 60_000
  const url = world.server.url(`/v1/channels/annlive/broadcasts/${broadcast}/danmaku?from_ms=${minute}&limit=1000`)
  for (let i = 0; ; i++) {
    const page = await (await fetch(url)).json()
    if (page.danmaku.some((d) => d.text === 'said while back')) break
    world.check('it is found on its picture', i < 50, page)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  await bob.page.getByRole('button', { name: 'Go to live' }).click()
  await back(bob, false)
}

/** With a finger, on a small screen. */
export async function watchBackOnAPhone(world) {
  const small = await arrive(world, 'small', { viewport: phone, touch: true })
  await small.page.goto(world.server.url('/@annlive'))
  await small.moving()
  await small.page.locator('.stage').tap()
  const bar = small.page.getByRole('slider', { name: 'Position' })
  const box = await bar.boundingBox()
  await small.page.touchscreen.tap(box.x + box.width / 2, box.y + box.height / 2)
  await back(small, true)
  await small.moving()
  await world.shot(small, 'room-back-phone')
  world.check('it fits', (await small.overflow()) <= 0, await small.overflow())
  await small.page.getByRole('button', { name: 'Go to live' }).tap()
  await back(small, false)
  await leave(world, small)
}

/** Once a broadcast is over its channel lists it, and it plays with what was said on its pictures. */
export async function recordings(world) {
  const { broadcasts } = await (await fetch(world.server.url('/v1/channels/annlive/broadcasts'))).json()
  const { said } = world
  const recording = broadcasts.find((b) => b.id === said.broadcast)
  world.check('what has ended is listed', recording?.state === 'ended', broadcasts)
  const fan = await arrive(world, 'fan')
  await fan.page.goto(world.server.url('/@annlive'))
  await fan.page.getByRole('heading', { name: 'Past streams' }).waitFor()
  await world.shot(fan, 'room-past-desktop')
  await fan.page.getByRole('link', { name: /^Watch / }).last().click()
  await fan.page.waitForURL(/\/@annlive\/[0-9a-f]{32}$/)
  await fan.moving()
  const deep = `/@annlive/${said.broadcast}?t=${Math.floor(said.media_time_ms / 1000) - 3}`
  await fan.page.goto(world.server.url(deep))
  await fan.moving()
  onItsPicture(world, 'in the recording', said, await fan.drawn('said on this picture'))
  const length = await fan.page.evaluate(() => document.querySelector('video').duration)
  world.check('the length is known', Math.abs(length - recording.duration_ms / 1000) < 5, { length, recording })
  await world.shot(fan, 'recording-desktop')
  await accessible(world, fan, 'a recording')
  await standsWithThePicture(world, fan)
  await fan.page.getByRole('button', { name: 'Speed: 1×' }).click()
  world.check('it plays faster', (await fan.page.evaluate(() => document.querySelector('video').playbackRate)) === 1.25)
  await fan.page.waitForFunction(() => document.querySelector('video').currentTime > 2)
  await fan.page.getByRole('button', { name: 'Copy link to this moment' }).click()
  const link = await fan.page.evaluate(() => navigator.clipboard.readText())
  world.check('the link leads to this moment', /\/@annlive\/[0-9a-f]{32}\?t=\d+$/.test(link), link)
  await press(fan, 'End')
  await fan.page.getByText('That was all').waitFor()
  fan.expected.push(/status of 404/)
  await fan.page.goto(world.server.url(`/@annlive/${'0'.repeat(32)}`))
  await fan.page.getByText('This recording is not here').waitFor()
  await leave(world, fan)
  for (const [name, viewport] of [['phone', phone], ['narrow', narrow]]) {
    const small = await arrive(world, name, { viewport, touch: true })
    await small.page.goto(world.server.url(deep))
    await small.moving()
    onItsPicture(world, `in the recording, ${name}`, said, await small.drawn('said on this picture'))
    await world.shot(small, `recording-${name}`)
    world.check('it fits', (await small.overflow()) <= 0, await small.overflow())
    await leave(world, small)
  }
}
