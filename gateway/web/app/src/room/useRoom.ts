import { onUnmounted, shallowRef, watch, type ShallowRef } from 'vue'
import { session } from '@/app'
import { Room, socketUrl } from './room'

/** The room with this id while the view lives; null until the id is known. It follows log-ins and the network. */
export function useRoom(id: () => string | null): ShallowRef<Room | null> {
  const room = shallowRef<Room | null>(null)
  watch(id, (now) => {
    room.value?.close()
    room.value = now === null ? null : new Room(now, session, socketUrl(location))
    room.value?.open()
  }, { immediate: true })
  watch(() => session.state.account?.id, () => room.value?.reauthenticate())
  watch(() => session.state.renewals, () => room.value?.present())
  const online = () => room.value?.hurry()
  window.addEventListener('online', online)
  onUnmounted(() => {
    window.removeEventListener('online', online)
    room.value?.close()
  })
  return room
}
