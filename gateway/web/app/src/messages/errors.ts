import { has, span, t } from './index'

/** What any refusal of the server looks like to the pages: API problems and socket errors alike. */
export interface Refusal {
  kind: string
  code: string
  message: string
  retryAfterMs: number
}

export function isRefusal(e: unknown): e is Refusal {
  return typeof e === 'object' && e !== null && 'kind' in e && 'code' in e && 'retryAfterMs' in e
}

/** The sentence a reader sees for a failure: by code where there is one, else the server's words for wrong input, else by kind. */
export function explain(e: unknown): string {
  if (!isRefusal(e)) return t('error.internal')
  const seconds = Math.max(1, Math.ceil(e.retryAfterMs / 1000))
  if (e.code === 'muted' && e.retryAfterMs > 0) return t('error.code.muted_for', { time: span(e.retryAfterMs) })
  const byCode = `error.code.${e.code}`
  if (has(byCode)) return t(byCode, { seconds })
  if (e.code === 'offline') return t('error.offline')
  if (e.kind === 'exhausted' && e.retryAfterMs > 0) return t('error.exhausted_for', { seconds })
  if ((e.kind === 'invalid' || e.kind === 'conflict') && e.message !== '') return sentence(e.message)
  const byKind = `error.${e.kind}`
  return has(byKind) ? t(byKind) : t('error.internal')
}

function sentence(text: string): string {
  const first = text.charAt(0).toUpperCase() + text.slice(1)
  return /[.!?]$/.test(first) ? first : first + '.'
}
