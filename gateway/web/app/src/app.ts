// What exists once per page: the session, the API, the settings, and the notices and dialogs any view may raise.
import { reactive } from 'vue'
import { Barrage } from './api/barrage'
import { Session } from './auth/session'
import { keep } from './settings/store'
import { storage } from './settings/storage'

const kept = storage()

export const session = new Session(kept)
export const barrage = new Barrage(session.api)
export const settings = keep(kept)

export interface Notice {
  id: number
  text: string
  tone: 'good' | 'bad'
}

const noticeMs = 4000
const noticeLimit = 3
let lastNotice = 0

export const notices = reactive<Notice[]>([])

/** Shows a short text for a few seconds; screen readers say it. */
export function notify(text: string, tone: Notice['tone'] = 'good'): void {
  const id = ++lastNotice
  notices.push({ id, text, tone })
  if (notices.length > noticeLimit) notices.shift()
  setTimeout(() => {
    const at = notices.findIndex((x) => x.id === id)
    if (at >= 0) notices.splice(at, 1)
  }, noticeMs)
}

export type AuthMode = 'login' | 'register'

/** Which account dialog is open, if any. */
export const dialog = reactive<{ auth: AuthMode | null }>({ auth: null })

export function askLogin(mode: AuthMode = 'login'): void {
  dialog.auth = mode
}
