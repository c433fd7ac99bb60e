// Chromium, and pages that remember what must not happen: console errors, uncaught exceptions, dialogs.
import AxeBuilder from '@axe-core/playwright'
import { chromium } from 'playwright-core'
import { reader } from './picture.mjs'

const flags = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required',
  '--host-resolver-rules=MAP barrage.test 127.0.0.1',
]

export const desktop = { width: 1280, height: 800 }
export const phone = { width: 390, height: 844 }
export const narrow = { width: 360, height: 740 }

export async function launch() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: flags })
}

/** What runs in every page before the product's own code, to see what a viewer sees. Times are of the page's clock. */
function watch() {
  const seen = { firstFrame: null, waits: [], drawn: [], entered: null }
  window.seen = seen
  document.addEventListener('playing', (event) => {
    event.target.requestVideoFrameCallback?.(() => (seen.firstFrame ??= performance.now()))
  }, true)
  document.addEventListener('waiting', (event) => {
    if (seen.firstFrame !== null && !event.target.seeking) seen.waits.push(Math.round(performance.now()))
  }, true)
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') seen.entered = { at: Date.now(), picture: window.pictureNumber() }
  }, true)
  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) {
        const danmaku = node.querySelector?.('.danmaku')
        if (!danmaku) continue
        seen.drawn.push({ text: danmaku.textContent, at: Date.now(), picture: window.pictureNumber(), classes: danmaku.className, colour: danmaku.style.color, elements: danmaku.childElementCount })
        if (seen.drawn.length > 2000) seen.drawn.shift()
      }
    }
  }).observe(document, { childList: true, subtree: true })
}

/** One person: a browser profile with one page. */
export class Person {
  faults = []
  /** Console errors that a step expects, such as the browser's own line for a refused request. */
  expected = []

  static async arrive(browser, name, { viewport = desktop, touch = false } = {}) {
    const p = new Person()
    p.name = name
    p.context = await browser.newContext({ viewport, hasTouch: touch, isMobile: touch, permissions: ['clipboard-read', 'clipboard-write'] })
    await p.context.addInitScript(reader, reader.options)
    await p.context.addInitScript(watch)
    p.page = await p.context.newPage()
    p.page.setDefaultTimeout(30_000)
    p.page.on('console', (m) => {
      if (m.type() === 'error' || m.type() === 'warning') p.fault(`console ${m.type()}: ${m.text()} (${m.location().url})`)
    })
    p.page.on('pageerror', (e) => p.fault(`exception: ${e.stack ?? e}`))
    p.page.on('dialog', (d) => {
      p.fault(`dialog: ${d.message()}`)
      void d.dismiss()
    })
    return p
  }

  fault(text) {
    if (!this.expected.some((pattern) => pattern.test(text))) this.faults.push(`${this.name}: ${text}`)
  }

  async register(handle, password) {
    await this.page.getByRole('button', { name: 'Sign up' }).first().click()
    const dialog = this.page.getByRole('dialog')
    await dialog.getByLabel('Name').fill(handle)
    await dialog.getByLabel('Password', { exact: true }).fill(password)
    await dialog.getByRole('button', { name: 'Sign up' }).click()
    await dialog.waitFor({ state: 'detached' })
  }

  /** Says a text, and gives when that was and on which picture. */
  async say(text) {
    const box = this.page.getByLabel('Your danmaku')
    await box.fill(text)
    await box.press('Enter')
    return this.page.evaluate(() => window.seen.entered)
  }

  /** Waits until the overlay drew a text, and gives how. */
  async drawn(text, timeout = 30_000) {
    const handle = await this.page
      .waitForFunction((t) => window.seen.drawn.find((d) => d.text === t), text, { timeout, polling: 50 })
      .catch(async (error) => {
        const listed = await this.page.locator('.line .text', { hasText: text }).count()
        throw new Error(`"${text}" was not drawn for ${this.name} (${listed} in the list): ${error.message}`)
      })
    return handle.jsonValue()
  }

  phase(wanted, timeout = 40_000) {
    return this.page.locator(`.stage[data-phase="${wanted}"]`).waitFor({ timeout })
  }

  /** Waits until the picture moves. */
  async moving(timeout = 40_000) {
    await this.page.evaluate(() => (window.seen.lookedAt = null))
    return this.page.waitForFunction(() => {
      const video = document.querySelector('video')
      const before = window.seen.lookedAt
      window.seen.lookedAt = video ? { video, time: video.currentTime } : null
      return before?.video === video && video.videoWidth > 0 && video.currentTime > before.time
    }, undefined, { timeout, polling: 200 })
  }

  overflow() {
    return this.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
  }
}

/** No serious finding of axe on what is shown now. */
export async function accessible(world, person, name) {
  const { violations } = await new AxeBuilder({ page: person.page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']).analyze()
  world.check(`${name} is accessible`, violations.length === 0, violations.map((v) => [v.id, v.help, v.nodes.slice(0, 3).map((n) => n.html)]))
}
