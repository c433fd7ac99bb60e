// The texts in the reader's language. English is the only catalogue yet; add another to `catalogues` and it is chosen
// from the browser's languages, falling back to English key by key.
import { en, type Messages } from './en'

export type Key = keyof Messages
type Values = Record<string, string | number>
// A counted text is named by its stem: its catalogue holds stem.one and stem.other.
export type CountKey = Key extends infer K ? (K extends `${infer Stem}.other` ? Stem : never) : never

const catalogues: Record<string, Partial<Messages>> = { en }

export const locale = choose(globalThis.navigator?.languages ?? [])
const chosen: Partial<Messages> = catalogues[locale] ?? en
const plurals = new Intl.PluralRules(locale)
const numbers = new Intl.NumberFormat(locale)
const compact = new Intl.NumberFormat(locale, { notation: 'compact', maximumFractionDigits: 1 })
// Making a format takes longer than laying out the line it is for, and a busy room's list asks for hundreds a second.
const moments = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' })
const clocks = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit' })

function choose(languages: readonly string[]): string {
  for (const language of languages) {
    const base = language.split('-')[0]
    if (base !== undefined && base in catalogues) return base
  }
  return 'en'
}

function fill(text: string, values: Values): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name]
    if (value === undefined) return whole
    return typeof value === 'number' ? numbers.format(value) : value
  })
}

/** The text of a key, with its {places} filled in. */
export function t(key: Key, values: Values = {}): string {
  return fill(chosen[key] ?? en[key], values)
}

/** The text of a counted key in the form the count asks for. Big counts are shortened. */
export function n(stem: CountKey, count: number, values: Values = {}): string {
  const form = plurals.select(count) === 'one' ? 'one' : 'other'
  return t(`${stem}.${form}` as Key, { ...values, count: count < 10_000 ? numbers.format(count) : compact.format(count) })
}

/** Whether a key made at run time (from a code of the server, say) has a text. */
export function has(key: string): key is Key {
  return key in en
}

/** A span of time in its largest fitting unit, such as "9 min" or "2 hr". */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  const [value, unit] =
    seconds < 60 ? [seconds, 'second'] : seconds < 3600 ? [Math.ceil(seconds / 60), 'minute']
    : seconds < 86_400 ? [Math.round(seconds / 3600), 'hour'] : [Math.round(seconds / 86_400), 'day']
  return new Intl.NumberFormat(locale, { style: 'unit', unit: unit as string, unitDisplay: 'short' }).format(value as number)
}

/** A moment as date and time in the reader's zone. */
export function moment(ms: number): string {
  return moments.format(ms)
}

/** A moment as the time of the day. */
export function clock(ms: number): string {
  return clocks.format(ms)
}

/** Elapsed time as people write it: 4:05, 1:04:05. */
export function elapsed(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000))
  const pad = (v: number) => String(v).padStart(2, '0')
  const [hours, minutes] = [Math.floor(s / 3600), Math.floor(s / 60) % 60]
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(s % 60)}` : `${minutes}:${pad(s % 60)}`
}
