// What to do after the server has closed a connection, in the words of internal/wire/SPEC.md section 5.

export type Next = 'reconnect' | 'reconnect slowly' | 'new token' | 'stay away'

/** Coming back after one of these would end the same way. */
const stayAway = new Set([1000, 1002, 1003, 1007, 1008, 1009, 4001, 4403, 4404, 4409])

export function afterClose(code: number): Next {
  if (stayAway.has(code)) return 'stay away'
  if (code === 4401) return 'new token'
  if (code === 4429) return 'reconnect slowly'
  return 'reconnect'
}
