import type { MintedKey } from '@/api/types'

/** What goes into the "server" field of a streaming program: the publishing address without the key. */
export function rtmpServer(minted: Pick<MintedKey, 'rtmp_url' | 'stream_key'>): string {
  const tail = '/' + minted.stream_key
  const url = minted.rtmp_url.endsWith(tail) ? minted.rtmp_url.slice(0, -tail.length) : minted.rtmp_url
  return url.replace(/\/+$/, '')
}
