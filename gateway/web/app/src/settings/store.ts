// How danmaku look in this browser, and the player's volume. Kept in localStorage; a missing, broken or older entry falls
// back field by field.
import { reactive, watch } from 'vue'

export type Speed = 'slow' | 'normal' | 'fast'
export type Area = 'quarter' | 'half' | 'most' | 'full'

export interface Settings {
  on: boolean
  opacity: number
  speed: Speed
  area: Area
  scale: number
  volume: number
  muted: boolean
}

export const speeds: readonly Speed[] = ['slow', 'normal', 'fast']
export const areas: readonly Area[] = ['quarter', 'half', 'most', 'full']
export const defaults: Readonly<Settings> = { on: true, opacity: 1, speed: 'normal', area: 'full', scale: 1, volume: 1, muted: false }

const name = 'barrage.settings'

/** Reads what an earlier visit kept, checking every field: the reader, or an older version, may have written anything. */
export function read(storage: Storage): Settings {
  let kept: Record<string, unknown> = {}
  try {
    const parsed: unknown = JSON.parse(storage.getItem(name) ?? '{}')
    if (typeof parsed === 'object' && parsed !== null) kept = parsed as Record<string, unknown>
  } catch {
    kept = {}
  }
  const flag = (v: unknown, d: boolean) => (typeof v === 'boolean' ? v : d)
  const range = (v: unknown, low: number, high: number, d: number) => (typeof v === 'number' && v >= low && v <= high ? v : d)
  const one = <T extends string>(v: unknown, all: readonly T[], d: T) => all.find((x) => x === v) ?? d
  return {
    on: flag(kept.on, defaults.on),
    opacity: range(kept.opacity, 0.1, 1, defaults.opacity),
    speed: one(kept.speed, speeds, defaults.speed),
    area: one(kept.area, areas, defaults.area),
    scale: range(kept.scale, 0.5, 2, defaults.scale),
    volume: range(kept.volume, 0, 1, defaults.volume),
    muted: flag(kept.muted, defaults.muted),
  }
}

/** The settings as reactive state that is kept whenever it changes. */
export function keep(storage: Storage): Settings {
  const settings = reactive(read(storage))
  watch(settings, (now) => {
    try {
      storage.setItem(name, JSON.stringify(now))
    } catch {
      // A full or forbidden storage costs the memory of the settings, not the settings.
    }
  })
  return settings
}
