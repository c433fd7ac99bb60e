import { describe, expect, it } from 'vitest'
import { en } from '@/messages/en'
import { elapsed, n, span, t } from '@/messages'
import { explain } from '@/messages/errors'

describe('texts', () => {
  it('are filled in', () => expect(t('room.by', { name: 'ann' })).toBe('by ann'))
  it('keep a place nobody filled', () => expect(t('room.by')).toBe('by {name}'))
  it('take what is filled in as it is', () => expect(t('room.by', { name: '{name}<b>$&' })).toBe('by {name}<b>$&'))
  it('are counted', () => expect([n('home.viewers', 0), n('home.viewers', 1), n('home.viewers', 1234), n('home.viewers', 45_600)]).toEqual(['0 viewers', '1 viewer', '1,234 viewers', '45.6K viewers']))
  it('have both forms of every counted one', () => {
    for (const key of Object.keys(en)) if (key.endsWith('.one')) expect(en).toHaveProperty([key.replace(/one$/, 'other')])
  })
  it('name spans of time', () => expect([span(5000), span(61_000), span(7_200_000)]).toEqual(['5 sec', '2 min', '2 hr']))
  it('count elapsed time', () => expect([elapsed(0), elapsed(3_723_000), elapsed(-5)]).toEqual(['0:00', '1:02:03', '0:00']))
})

describe('failures in words', () => {
  const refusal = (kind: string, code = '', message = '', retryAfterMs = 0) => ({ kind, code, message, retryAfterMs })
  for (const c of [
    { name: 'by code', given: refusal('exhausted', 'slow_mode', 'm', 2100), want: 'Slow mode is on. Wait 3 s.' },
    { name: 'with the time a mute lasts', given: refusal('denied', 'muted', 'm', 540_000), want: 'You are muted in this room for 9 min.' },
    { name: 'without it', given: refusal('denied', 'muted'), want: 'You are muted in this room.' },
    { name: 'in the words of the server when the input was wrong', given: refusal('invalid', 'odd', 'a name is short'), want: 'A name is short.' },
    { name: 'by kind', given: refusal('timeout', 'deadline_exceeded', 'x'), want: en['error.timeout'] },
    { name: 'with the wait a limit asks for', given: refusal('exhausted', 'too_many_requests', 'x', 900), want: 'That was too much at once. Please wait 1 s.' },
    { name: 'of a kind nobody knows', given: refusal('cosmic'), want: en['error.internal'] },
    { name: 'that are bugs', given: new TypeError('x'), want: en['error.internal'] },
  ]) it(c.name, () => expect(explain(c.given)).toBe(c.want))
})
