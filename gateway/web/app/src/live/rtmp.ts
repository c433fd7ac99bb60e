import type { MintedKey } from '@/api/types'

/** The part of a publishing address that goes into the "server" field: all but the key. Before a key was made, the usual address. */
export function rtmpServer(minted: Pick<MintedKey, 'rtmp_url' | 'stream_key'> | null, host: string): string {
  if (minted === null || minted.rtmp_url === '') return `rtmp://${host}/live`
  const tail = '/' + minted.stream_key
  const url = minted.rtmp_url.endsWith(tail) ? minted.rtmp_url.slice(0, -tail.length) : minted.rtmp_url
  return url.replace(/\/+$/, '')
}
