import type { ChannelState } from '@/api/types'

/** What the stage shows. */
export type Phase = 'offline' | 'starting' | 'live' | 'interrupted' | 'ended'

export interface Facts {
  state: ChannelState
  /** A broadcast was seen since the page opened. */
  seen: boolean
  /** The player has shown a picture of this broadcast. */
  picture: boolean
  /** The picture moves now. */
  moving: boolean
}

/** The one phase that follows from what is known. An interruption is only told once the picture really stands still. */
export function phaseOf(f: Facts): Phase {
  if (f.state === 'offline') return f.seen ? 'ended' : 'offline'
  if (f.state === 'interrupted') return f.moving ? 'live' : 'interrupted'
  return f.picture ? 'live' : 'starting'
}
