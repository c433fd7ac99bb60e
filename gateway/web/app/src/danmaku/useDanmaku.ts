// What flies over a picture: of what is on now, what the room says, each with its picture; for whoever is back, or watches a
// recording, what was said on these pictures.
import { onUnmounted, shallowRef, watch, type ShallowRef } from 'vue'
import { barrage, session, settings } from '@/app'
import { Overlay } from '@/danmaku/overlay'
import { reducedMotion } from '@/danmaku/reduced'
import { Replay } from '@/danmaku/replay'
import { Timeline } from '@/danmaku/timeline'
import type { PlayerState } from '@/live/player'
import type { Room } from '@/room/room'
import type { Danmaku } from '@/socket/protocol'

export interface Facts {
  player: () => PlayerState
  room: () => Room | null
  /** Media time of the picture on screen, in ms; null before there is one. */
  picture: () => number | null
  channel: () => string
  /** The broadcast whose pictures are on, "" for none. */
  broadcast: () => string
  /** The pictures are of before: their danmaku are fetched. */
  past: () => boolean
  /** The picture stands, because its publisher is away. */
  interrupted: () => boolean
}

export interface Flight {
  /** Begins to draw into an element. */
  begin(sky: HTMLElement): void
  /** Another broadcast has another clock. */
  forget(): void
}

export function useDanmaku(f: Facts): Flight {
  const timeline = new Timeline<Danmaku>()
  const replay: ShallowRef<Replay<Danmaku> | null> = shallowRef(null)
  let overlay: Overlay | null = null
  let frame = 0

  const own = (d: Danmaku) => d.user !== '' && d.user === session.state.account?.id
  const put = (d: Danmaku) => overlay?.draw(d, { own: own(d) })

  function draw(list: Danmaku[]): void {
    if (!settings.on) return
    // Some had a picture more than others when it stopped; what is said meanwhile is for all.
    const at = f.interrupted() ? null : f.picture()
    for (const d of list) {
      if (replay.value) {
        if (replay.value.offer(d)) put(d)
      } else if (timeline.offer(d, at) && (!f.player().paused || own(d))) put(d)
    }
  }

  function tick(): void {
    frame = requestAnimationFrame(tick)
    overlay?.step()
    if (document.visibilityState !== 'visible' || (timeline.size === 0 && !replay.value)) return
    const at = f.picture()
    if (at === null) return
    const due = replay.value ? replay.value.due(at, Date.now()) : f.interrupted() ? timeline.rest() : timeline.due(at)
    if (settings.on) due.forEach(put)
  }

  watch(() => (f.past() && f.broadcast() !== '' ? `${f.channel()} ${f.broadcast()}` : ''), (now) => {
    replay.value?.close()
    const [channel, broadcast] = [f.channel(), f.broadcast()]
    replay.value = now === '' ? null : new Replay<Danmaku>((from, to, signal) => barrage.timeline(channel, broadcast, from, to, signal))
    timeline.clear()
    overlay?.clear()
  }, { immediate: true })

  // At the live edge the player catches up by a little, which nobody sees.
  const rate = () => (Math.abs(f.player().rate - 1) < 0.1 ? 1 : f.player().rate)
  watch(() => [f.player().paused && f.player().picture, rate()] as const, ([paused, now]) => overlay?.follow(paused, now))
  watch(settings, (now) => overlay?.apply(now))
  watch(f.room, (room, _before, clean) => {
    if (room) clean(room.onDraw(draw))
  }, { immediate: true })

  onUnmounted(() => {
    cancelAnimationFrame(frame)
    replay.value?.close()
    overlay?.close()
  })

  return {
    begin(sky) {
      overlay = new Overlay(sky, reducedMotion)
      overlay.apply(settings)
      frame = requestAnimationFrame(tick)
    },
    forget: () => timeline.clear(),
  }
}
