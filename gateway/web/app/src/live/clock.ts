// The media clock: one number says which picture of a broadcast is meant, the same for everybody and in the replay.

/** Media time of the picture with this program date, in ms since the broadcast began; null while either is unknown. */
export function mediaTime(playingDate: Date | null, broadcastStartMs: number | null): number | null {
  if (playingDate === null || broadcastStartMs === null) return null
  const at = playingDate.getTime() - broadcastStartMs
  return Number.isFinite(at) && at >= 0 ? at : null
}
