// The journey, in order; each step leaves the world as the next one needs it. A step throws if what it looks for is not so.
import { accessible, desktop, narrow, Person, phone } from './browser.mjs'
import { decodesWhole, hole } from './hole.mjs'
import { recordings, saidWhileBack, watchBack, watchBackOnAPhone } from './watchback.mjs'
import { fps, onItsPicture } from './picture.mjs'
import { Publisher } from './publisher.mjs'

const hostile = [
  '<img src=x onerror=alert(1)>', '<script>alert(1)</script>', '"><svg onload=alert(1)>', "'; DROP TABLE danmaku; --",
  '{{constructor.constructor("alert(1)")()}}', 'javascript:alert(1)', '&lt;b&gt;bold&lt;/b&gt;',
]
const title = 'Late night <b>synth</b> jam'

async function arrive(world, name, options) {
  const person = await Person.arrive(world.browser, name, options)
  world.people.push(person)
  return person
}

async function leave(world, person) {
  world.measured.faults = (world.measured.faults ?? 0) + person.faults.length
  if (person.faults.length > 0) throw new Error(person.faults.join('\n'))
  world.people.splice(world.people.indexOf(person), 1)
  await person.context.close()
}

async function emptyHome(world) {
  const ann = (world.ann = await arrive(world, 'ann'))
  const response = await ann.page.goto(world.server.url())
  const policy = response.headers()['content-security-policy'] ?? ''
  world.check('the pages carry a strict policy', policy.includes("script-src 'self'") && !policy.includes('unsafe'), policy)
  await ann.page.getByText('Nobody is live right now').waitFor()
  await accessible(world, ann, 'the empty home')
  await world.shot(ann, 'home-empty-desktop')
}

async function focusComesBack(world) {
  const { page } = world.ann
  for (const leave of [() => page.keyboard.press('Escape'), () => page.getByRole('button', { name: 'Close' }).click()]) {
    await page.getByRole('button', { name: 'Log in' }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').waitFor()
    await leave()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    const focused = await page.evaluate(() => document.activeElement.textContent.trim())
    world.check('a closed dialog gives the focus back', focused === 'Log in', focused)
  }
}

async function register(world) {
  const { ann } = world
  await ann.register('Ann', 'correct horse battery')
  await ann.page.getByRole('button', { name: 'Account menu of Ann' }).waitFor()
  await ann.page.reload()
  await ann.page.getByRole('button', { name: 'Account menu of Ann' }).waitFor()
  const kept = await ann.page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }) + document.cookie)
  world.check('no token can be read by scripts', !/eyJ/.test(kept), kept)
}

async function createChannel(world) {
  const { page } = world.ann
  await page.getByRole('link', { name: 'Studio' }).first().click()
  await page.getByLabel('Channel name').fill('annlive')
  await page.getByLabel('Title of your stream').fill(title)
  await page.getByRole('button', { name: 'Create channel' }).click()
  await page.getByRole('heading', { name: title }).waitFor()
  await page.getByRole('button', { name: 'Create stream key' }).click()
  const field = page.getByLabel('Stream key', { exact: true })
  await field.waitFor()
  world.key = await field.inputValue()
  world.check('a stream key is shown', world.key.length > 20)
  const server = await page.getByLabel('Server', { exact: true }).inputValue()
  world.check('the server address can be published to as it is', `${server}/${world.key}` === world.server.rtmp(world.key), server)
  await page.getByRole('button', { name: 'Copy Stream key' }).click()
  world.check('the key is copied', (await page.evaluate(() => navigator.clipboard.readText())) === world.key)
}

async function waitOffline(world) {
  const viewer = (world.viewer = await arrive(world, 'viewer'))
  await viewer.page.goto(world.server.url('/@annlive'))
  await viewer.phase('offline')
  await viewer.page.evaluate(() => (window.sameDocument = true))
}

async function goLive(world) {
  const began = Date.now()
  world.publisher = new Publisher(world.server.rtmp(world.key))
  await world.viewer.moving()
  world.measured.page_plays_after_publish_ms = Date.now() - began
  await world.ann.page.getByText('Mbit/s').waitFor()
  await world.ann.moving() // the streamer sees the picture too
  for (const figure of [/^(2[5-9]|3[0-5]) fps$/, /^2 s$/, /^1280 × 720$/, /^H.264 \+ AAC$/]) await world.ann.page.getByText(figure).waitFor()
  world.check('the open room page was not reloaded', await world.viewer.page.evaluate(() => window.sameDocument === true))
}

async function measurePlayback(world) {
  await leave(world, world.viewer)
  await world.ann.page.goto('about:blank')
  const viewer = (world.viewer = await arrive(world, 'viewer'))
  await viewer.page.goto(world.server.url('/@annlive'))
  await viewer.moving()
  const frozen = await viewer.page.evaluate(freezes, world.playMs)
  const samples = frozen.latencies.toSorted((a, b) => a - b)
  const seen = await viewer.page.evaluate(() => window.seen)
  Object.assign(world.measured, {
    first_frame_ms: Math.round(seen.firstFrame),
    latency_s: { median: samples[samples.length >> 1], p95: samples[Math.ceil(samples.length * 0.95) - 1], max: samples.at(-1), samples: samples.length },
    played_s: world.playMs / 1000,
    stalls: seen.waits.length,
    longest_freeze_ms: frozen.longest,
    frames: frozen.frames,
    dropped_frames: frozen.dropped,
  })
  const m = world.measured
  world.check('the latency is known and the picture moves', samples.length > 0 && m.frames > 0, m)
  world.bar('the first frame comes within 1.5 s', m.first_frame_ms <= 1500)
  world.bar('the latency stays within 2 s', m.latency_s.p95 <= 2)
  world.bar('nothing stalls', m.stalls === 0 && m.longest_freeze_ms < 400)
}

/** Runs in the page: watches the picture for a while. */
function freezes(ms) {
  const video = document.querySelector('video')
  const stage = document.querySelector('.stage')
  const before = video.getVideoPlaybackQuality()
  const result = { longest: 0, latencies: [], frames: 0, dropped: 0 }
  const end = performance.now() + ms
  let last = { at: performance.now(), time: video.currentTime }
  let sampled = 0
  return new Promise((resolve) => {
    const look = () => {
      const now = performance.now()
      if (video.currentTime !== last.time) last = { at: now, time: video.currentTime }
      result.longest = Math.max(result.longest, Math.round(now - last.at))
      if (now - sampled >= 500 && stage.dataset.latency !== undefined) {
        sampled = now
        result.latencies.push(Number(stage.dataset.latency))
      }
      if (now < end) return setTimeout(look, 30)
      const after = video.getVideoPlaybackQuality()
      result.frames = after.totalVideoFrames - before.totalVideoFrames
      result.dropped = after.droppedVideoFrames - before.droppedVideoFrames
      return resolve(result)
    }
    look()
  })
}

async function chat(world) {
  const bob = (world.bob = await arrive(world, 'bob'))
  // Bob comes by a name and without TLS, where browsers withhold some interfaces.
  bob.home = world.server.url('').replace('127.0.0.1', 'barrage.test')
  await bob.page.goto(`${bob.home}/@annlive`)
  world.check('without TLS', await bob.page.evaluate(() => !window.isSecureContext))
  await bob.page.getByRole('button', { name: 'Log in to join in' }).waitFor()
  await bob.register('Bob', 'correct horse battery')
  await bob.moving()
  await bob.page.getByLabel('Your danmaku').waitFor()
  const delays = []
  for (let i = 0; i < 25; i++) {
    const text = `hello ${i}`
    const { at } = await bob.say(text)
    const shown = await world.viewer.drawn(text)
    delays.push(shown.at - at)
    await bob.drawn(text)
  }
  delays.sort((a, b) => a - b)
  world.measured.post_to_other_overlay_ms = { median: delays[delays.length >> 1], max: delays.at(-1), posts: delays.length }
  const own = await bob.drawn('hello 0')
  const others = await world.viewer.drawn('hello 0')
  world.check("one's own danmaku is outlined", own.classes.includes('danmaku-own') && !others.classes.includes('danmaku-own'), [own, others])
}

async function styles(world) {
  const { bob, viewer } = world
  await bob.page.getByRole('button', { name: 'Style' }).click()
  await bob.page.getByLabel('Cyan').check({ force: true })
  await bob.page.getByLabel('Top', { exact: true }).check({ force: true })
  await bob.page.getByLabel('Large', { exact: true }).check({ force: true })
  await bob.say('on top')
  const top = await viewer.drawn('on top')
  world.check('colour and size arrive', top.colour === 'rgb(102, 217, 232)' && top.classes.includes('danmaku-large'), top)
  const still = await viewer.page.evaluate(async () => {
    const find = () => [...document.querySelectorAll('.danmaku')].find((d) => d.textContent === 'on top')?.getBoundingClientRect()
    const a = find()
    await new Promise((resolve) => setTimeout(resolve, 300))
    const b = find()
    return a && b && { x: b.x - a.x, y: b.y - document.querySelector('.stage').getBoundingClientRect().y }
  })
  world.check('a top danmaku stands at the top', still?.x === 0 && still.y < 60, still)
  await bob.page.getByLabel('Scroll', { exact: true }).check({ force: true })
  await bob.page.getByLabel('Normal', { exact: true }).check({ force: true })
  await bob.page.getByRole('button', { name: 'Style' }).click()
}

async function hostileTexts(world) {
  const { bob, viewer } = world
  for (const text of hostile) {
    await bob.say(text)
    const shown = await viewer.drawn(text)
    world.check('the overlay shows it as text', shown.elements === 0, shown)
    await viewer.page.locator('.line .text', { hasText: text }).first().waitFor()
  }
  const odd = await viewer.page.evaluate(() => document.querySelectorAll('.lines img, .lines script, .lines svg[onload], .danmaku-stage :not(div, span)').length)
  world.check('no text became an element', odd === 0, odd)
  world.check('a title is text', (await viewer.page.getByRole('heading', { level: 1 }).textContent()) === title)
}

async function pictureTime(world) {
  const { bob, viewer } = world
  const picture = (person) => person.page.evaluate(() => window.pictureNumber())
  // Bob may be behind the edge himself where the machine is busy.
  for (let tries = 1, behind = false; !behind; tries++) {
    world.check('the viewer gets behind bob', tries < 6)
    await viewer.page.evaluate(() => (document.querySelector('video').currentTime -= 3))
    await viewer.moving()
    const text = `later, please (${tries})`
    const said = await bob.say(text)
    behind = (await picture(viewer)) < said.picture - fps
    const shown = await viewer.drawn(text)
    if (behind) onItsPicture(world, 'behind the edge', said, shown)
  }
  await viewer.page.getByRole('button', { name: 'Go to live' }).click()
  await viewer.moving()
}

async function networkGone(world) {
  const { viewer } = world
  viewer.expected.push(/ERR_INTERNET_DISCONNECTED/)
  await viewer.context.setOffline(true)
  await viewer.page.getByText('The picture is waiting for the network').waitFor()
  await viewer.context.setOffline(false)
  await viewer.moving(30_000)
  await viewer.page.getByText('The picture is waiting for the network').waitFor({ state: 'detached' })
}

async function settingsAreKept(world) {
  const { page } = world.viewer
  await page.getByRole('button', { name: 'Danmaku settings' }).click()
  await page.getByRole('slider', { name: 'Opacity' }).fill('0.5')
  await page.getByLabel('Upper half of the picture').check({ force: true })
  await page.getByRole('button', { name: 'Hide danmaku' }).click()
  await page.reload()
  await page.getByRole('button', { name: 'Show danmaku' }).click()
  const look = await page.evaluate(() => {
    const sky = document.querySelector('.danmaku-stage')
    return { opacity: getComputedStyle(sky).opacity, share: sky.offsetHeight / document.querySelector('.stage').offsetHeight }
  })
  world.check('opacity and area survive a reload', look.opacity === '0.5' && Math.abs(look.share - 0.5) < 0.01, look)
  await page.getByRole('button', { name: 'Danmaku settings' }).click()
  await page.getByRole('button', { name: 'Reset' }).click()
  await page.keyboard.press('Escape')
}

async function moderate(world) {
  const { ann, bob } = world
  await ann.page.goto(world.server.url('/studio'))
  await ann.page.getByLabel('Slow mode').fill('20')
  await ann.page.getByRole('button', { name: 'Save' }).click()
  await bob.page.getByText('Slow mode: one danmaku every 20 s').waitFor()
  await bob.say('slowly')
  await bob.page.getByText(/Wait 1?[0-9] s/).first().waitFor()
  await ann.page.getByLabel('Slow mode').fill('0')
  await ann.page.getByRole('button', { name: 'Save' }).click()
  // Ten seconds are less than what was left to wait: it is the streamer's change that ends it.
  await bob.page.getByText(/^Wait \d+ s$/).waitFor({ state: 'detached', timeout: 10_000 })
  const line = ann.page.locator('.line', { hasText: 'slowly' })
  await line.hover()
  await line.getByRole('button', { name: 'Moderate Bob' }).click()
  await ann.page.getByRole('button', { name: '10 minutes' }).click()
  await ann.page.getByText('Bob is muted').waitFor()
  await bob.say('am I muted?')
  await bob.page.getByText('You are muted in this room').waitFor()
  await line.hover()
  await line.getByRole('button', { name: 'Moderate Bob' }).click()
  await ann.page.getByRole('button', { name: 'Lift the mute' }).click()
  await ann.page.getByText('Bob may write again').waitFor()
  await bob.say('free again')
  await world.viewer.drawn('free again')
}

async function editTitle(world) {
  const { page } = world.ann
  await page.getByRole('button', { name: 'Edit title' }).click()
  await page.getByRole('textbox', { name: 'Title' }).fill('Late night synth jam')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Late night synth jam' }).waitFor()
}

async function screenshots(world) {
  const { bob, ann } = world
  const words = ['that bass line!!', '哈哈哈哈哈', 'first time here, love it', 'what synth is that?', '6666', 'ここから最高', 'hello from the couch', 'so smooth']
  const small = await arrive(world, 'small', { viewport: phone, touch: true })
  await small.page.goto(world.server.url('/@annlive'))
  await small.moving()
  await bob.page.getByRole('button', { name: 'Copy link' }).click()
  await bob.page.getByText('Link copied').waitFor()
  await bob.page.getByRole('button', { name: 'Style' }).click()
  for (const [i, word] of words.entries()) {
    await bob.page.getByLabel(['White', 'Cyan', 'Yellow', 'Pink'][i % 4]).check({ force: true })
    await bob.page.getByLabel(i === 3 ? 'Top' : 'Scroll', { exact: true }).check({ force: true })
    await bob.say(word)
    await bob.page.waitForTimeout(450)
  }
  await bob.page.getByRole('button', { name: 'Style' }).click()
  await world.shot(bob, 'room-desktop')
  await world.shot(small, 'room-phone')
  await accessible(world, bob, 'the room')
  await accessible(world, small, 'the room on a phone')
  await world.shot(ann, 'studio-desktop')
  await accessible(world, ann, 'the studio')
  await small.page.goto(world.server.url('/'))
  await small.page.getByRole('link', { name: /^Watch/ }).waitFor()
  await world.shot(small, 'home-phone')
  await bob.page.goto(bob.home)
  await bob.page.getByRole('link', { name: /^Watch/ }).waitFor()
  await world.shot(bob, 'home-desktop')
  await accessible(world, bob, 'home')
  await ann.page.setViewportSize(phone)
  await world.shot(ann, 'studio-phone')
  await ann.page.setViewportSize(narrow)
  world.check('the studio fits 360 px', (await ann.overflow()) <= 0, await ann.overflow())
  await ann.page.setViewportSize(desktop)
  await small.page.setViewportSize(narrow)
  for (const path of ['/', '/@annlive', '/studio', '/a/b']) {
    await small.page.goto(world.server.url(path))
    await small.page.waitForTimeout(500)
    world.check(`${path} fits 360 px`, (await small.overflow()) <= 0, await small.overflow())
  }
  await leave(world, small)
}

async function keyboardOnly(world) {
  const { page } = world.bob
  await page.goto(world.bob.home)
  await page.getByRole('link', { name: /^Watch/ }).waitFor()
  await page.keyboard.press('Tab')
  world.check('the first stop skips to the content', (await page.evaluate(() => document.activeElement.textContent)) === 'Skip to content')
  await page.keyboard.press('Enter')
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  await world.bob.moving()
  const muted = () => page.evaluate(() => document.querySelector('video').muted)
  const before = await muted()
  await page.keyboard.press('m')
  world.check('m mutes', (await muted()) !== before)
  for (let i = 0; i < 40; i++) {
    await page.keyboard.press('Tab')
    if (await page.evaluate(() => document.activeElement.matches('form.send input.input'))) break
  }
  await page.keyboard.type('typed without a mouse')
  await page.keyboard.press('Enter')
  await world.viewer.drawn('typed without a mouse')
}

async function interruption(world) {
  const { viewer } = world
  await viewer.page.evaluate(() => (window.sameDocument = true))
  await world.publisher.stop('SIGKILL')
  await viewer.phase('interrupted')
  await world.shot(viewer, 'room-interrupted')
  const began = Date.now()
  world.publisher = new Publisher(world.server.rtmp(world.key))
  await viewer.phase('live')
  await viewer.moving()
  world.measured.picture_back_after_republish_ms = Date.now() - began
  world.check('the player goes on without a reload', await viewer.page.evaluate(() => window.sameDocument === true))
  await world.bob.moving()
  const { at } = await world.bob.say('back again')
  const shown = await viewer.drawn('back again')
  world.measured.post_to_other_overlay_after_reconnect_ms = shown.at - at
  world.bar('danmaku reach the other overlay within 4 s after it', shown.at - at < 4000)
}

const restart = (world) => outlived(world, 'SIGTERM')
const crash = (world) => outlived(world, 'SIGKILL')

/** The server is gone for a moment: pages, chat and broadcast go on as one that was interrupted. */
async function outlived(world, signal) {
  const { viewer, bob } = world
  const channel = async () => (await fetch(world.server.url('/v1/channels/annlive'))).json()
  const { broadcast } = await channel()
  const words = `after ${signal}`
  // The browser itself reports requests and sockets that nobody answers.
  const down = [/ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_INCOMPLETE_CHUNKED|WebSocket connection to|status of 50[0-9]|status of 404/]
  for (const p of world.people) p.expected = down
  await world.server.restart(signal)
  await bob.page.getByText('Chat connection lost').waitFor({ state: 'detached', timeout: 40_000 })
  await viewer.page.getByText('Chat connection lost').waitFor({ state: 'detached', timeout: 40_000 })
  await bob.say(words)
  await viewer.drawn(words)
  world.check('nothing was missed', (await viewer.page.getByText('Some messages were missed').count()) === 0)
  world.check('the broadcast waits for its publisher', (await channel()).broadcast === broadcast, await channel())
  await world.publisher.stop('SIGKILL')
  world.publisher = new Publisher(world.server.rtmp(world.key))
  await viewer.phase('live', 30_000)
  await viewer.moving(30_000)
  world.check('it is the same broadcast', (await channel()).broadcast === broadcast, await channel())
  world.check('still the same document', await viewer.page.evaluate(() => window.sameDocument === true))
  await bob.moving()
  const said = await bob.say(`${words}, live`)
  const shown = await viewer.drawn(`${words}, live`)
  world.measured[`drawn_for_another_${words}_ms`.replaceAll(' ', '_')] = shown.at - said.at
  for (const p of world.people) p.expected = []
}

async function ending(world) {
  const { viewer } = world
  await world.publisher.stop('SIGINT')
  await viewer.phase('ended', 30_000)
  await world.shot(viewer, 'room-ended')
  await decodesWhole(world)
  world.publisher = new Publisher(world.server.rtmp(world.key))
  await viewer.moving(30_000)
  world.check('what is on is played, not what was', await viewer.page.evaluate(() => document.querySelector('video').duration === Infinity))
  world.check('the next broadcast plays without a reload', await viewer.page.evaluate(() => window.sameDocument === true))
}

async function logoutAndLost(world) {
  const { page } = world.bob
  await page.getByRole('button', { name: 'Account menu of Bob' }).click()
  await page.getByRole('button', { name: 'Log out' }).click()
  await page.getByRole('button', { name: 'Log in to join in' }).waitFor()
  await page.reload()
  await page.getByRole('button', { name: 'Log in to join in' }).waitFor()
  await page.goto(`${world.bob.home}/no/such/page`)
  await page.getByText('Nothing flies here').waitFor()
  await accessible(world, world.bob, 'the page that is not there')
  world.bob.expected = [/status of 404/, /status of 401/]
  await page.goto(`${world.bob.home}/@nobody-here`)
  await page.getByText('There is no channel named').waitFor()
  await page.getByRole('button', { name: 'Log in' }).click()
  await accessible(world, world.bob, 'the log-in')
  await page.getByRole('dialog').getByLabel('Name').fill('Bob')
  await page.getByRole('dialog').getByLabel('Password', { exact: true }).fill('wrong wrong wrong')
  await page.keyboard.press('Enter')
  await page.getByText('Name or password is wrong').waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
}

async function revokeKey(world) {
  const { page } = world.ann
  await page.getByRole('button', { name: /^Revoke key/ }).first().click()
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke key' }).click()
  await page.getByText('No stream key yet').waitFor()
  await world.viewer.phase('interrupted', 20_000)
}

export const all = [
  emptyHome, focusComesBack, register, createChannel, waitOffline, goLive, measurePlayback, chat, styles, hostileTexts, pictureTime, networkGone, settingsAreKept, moderate,
  watchBack, saidWhileBack, watchBackOnAPhone, editTitle, screenshots, keyboardOnly, interruption, restart, crash, hole, ending, recordings, logoutAndLost, revokeKey,
]
