// Draws danmaku over the picture with the danmaku library. Text goes in as a text node, styles through the object model, so
// nothing anybody writes becomes markup, and the content security policy needs no exception.
import Engine from 'danmaku/dist/esm/danmaku.dom.js'
import type { Danmaku, Mode } from '@/socket/protocol'
import type { Settings, Speed } from '@/settings/store'
import { FlightClock } from './flight'

const flightSeconds: Record<Speed, number> = { slow: 12, normal: 8, fast: 5 }
// The library keeps every comment it ever drew; it is replaced after so many, and the old one leaves when its last has.
const perEngine = 500
// More on the screen at once than anybody can read only costs frames.
const onScreenLimit = 150

export interface Look {
  own: boolean
}

export class Overlay {
  private engine: Engine
  private emitted = 0
  private readonly clock = new FlightClock()
  /** By when, on the clock, what an engine drew has flown. */
  private readonly retired = new Map<Engine, { layer: Element | null; until: number }>()
  private readonly resizes: ResizeObserver
  private flight = flightSeconds.normal

  constructor(private readonly stage: HTMLElement, private readonly still: () => boolean) {
    this.engine = this.begin()
    this.resizes = new ResizeObserver(() => this.fit())
    this.resizes.observe(stage)
  }

  apply(settings: Settings): void {
    this.flight = flightSeconds[settings.speed]
    this.stage.style.setProperty('--danmaku-opacity', String(settings.opacity))
    this.stage.style.setProperty('--danmaku-scale', String(settings.scale))
    this.stage.dataset.area = settings.area
    this.fit()
    if (!settings.on) this.clear()
  }

  draw(d: Danmaku, look: Look): void {
    if (this.stage.offsetHeight === 0 || this.stage.querySelectorAll('.danmaku').length >= onScreenLimit) return
    if (this.emitted >= perEngine) this.replace()
    this.emitted++
    const mode = this.place(d.mode)
    this.engine.emit({ mode, time: this.clock.currentTime, render: () => render(d, look, mode !== 'rtl') })
  }

  /** Flies as the picture plays: not at all, or so much faster. */
  follow(paused: boolean, rate: number): void {
    this.clock.set(paused, rate)
  }

  /** Once a frame. */
  step(): void {
    this.clock.step()
    const now = this.clock.currentTime
    for (const [engine, { layer, until }] of this.retired) {
      if (now < until) continue
      this.retired.delete(engine)
      engine.destroy()
      layer?.remove()
    }
  }

  clear(): void {
    this.engine.clear()
    for (const engine of this.retired.keys()) engine.clear()
  }

  close(): void {
    this.resizes.disconnect()
    for (const engine of this.retired.keys()) engine.destroy()
    this.retired.clear()
    this.engine.destroy()
  }

  private place(mode: Mode): 'rtl' | 'top' | 'bottom' {
    if (mode !== 'scroll') return mode
    return this.still() ? 'top' : 'rtl'
  }

  private begin(): Engine {
    const layer = document.createElement('div')
    layer.className = 'danmaku-layer'
    this.stage.append(layer)
    return new Engine({ container: layer, engine: 'dom', speed: this.speed(), media: this.clock as unknown as HTMLMediaElement })
  }

  private replace(): void {
    this.retired.set(this.engine, { layer: this.stage.lastElementChild, until: this.clock.currentTime + flightSeconds.slow })
    this.engine = this.begin()
    this.emitted = 0
  }

  /** The library's speed is in pixels per second; ours is the time a danmaku takes, whatever the width. */
  private speed(): number {
    return Math.max(40, this.stage.offsetWidth / this.flight)
  }

  private fit(): void {
    for (const engine of [this.engine, ...this.retired.keys()]) {
      engine.speed = this.speed()
      engine.resize()
    }
  }
}

function render(d: Danmaku, look: Look, still: boolean): HTMLElement {
  const node = document.createElement('span')
  node.className = `danmaku danmaku-${d.size}`
  if (still) node.classList.add('danmaku-still')
  if (look.own) node.classList.add('danmaku-own')
  if (dark(d.colour)) node.classList.add('danmaku-dark')
  node.style.color = css(d.colour)
  node.textContent = d.text
  return node
}

/** A colour number as CSS. */
export function css(colour: number): string {
  return '#' + (colour & 0xffffff).toString(16).padStart(6, '0')
}

/** Whether a colour needs a light outline to be seen (relative luminance, WCAG 2). */
export function dark(colour: number): boolean {
  const channel = (shift: number) => {
    const c = ((colour >> shift) & 255) / 255
    return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
  }
  return 0.2126 * channel(16) + 0.7152 * channel(8) + 0.0722 * channel(0) < 0.06
}
