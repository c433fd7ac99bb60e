package broadcast

import (
	"errors"
	"reflect"

	pb "github.com/barrage-live/barrage/actors/live/broadcast/broadcastpb"
	"github.com/barrage-live/barrage/actors/live/channel"
	"github.com/barrage-live/barrage/actors/live/livepb"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/moment"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/packager"
)

var errNothing = errors.New("an answer is nothing without what runs here")

// local is what messages of broadcasts hold and is handed over as it is: the publisher writes the stream,
// and viewers are served from the packager's memory.
func local() []reflect.Type {
	return []reflect.Type{reflect.TypeFor[*live.Stream](), reflect.TypeFor[*packager.Packager]()}
}

// messages are what crosses between broadcasts and those who ask them. A number is never given a second
// meaning.
func messages() []cluster.Message {
	return []cluster.Message{
		cluster.MessageOf(1, openOut, openIn),
		cluster.MessageOf(2, func(c inquire) *pb.Inquire { return &pb.Inquire{Broadcast: string(c.broadcast)} },
			func(m *pb.Inquire) (inquire, error) { return inquire{id.Broadcast(m.GetBroadcast())}, nil }),
		cluster.MessageOf(3, func(c interrupt) *pb.Interrupt { return &pb.Interrupt{Fence: c.fence} },
			func(m *pb.Interrupt) (interrupt, error) { return interrupt{m.GetFence()}, nil }),
		cluster.MessageOf(4, func(c finish) *pb.Finish { return &pb.Finish{Broadcast: string(c.broadcast)} },
			func(m *pb.Finish) (finish, error) { return finish{id.Broadcast(m.GetBroadcast())}, nil }),
		cluster.MessageOf(5, func(health) *pb.GetHealth { return &pb.GetHealth{} },
			func(*pb.GetHealth) (health, error) { return health{}, nil }),
		cluster.MessageOf(6, func(locate) *pb.Locate { return &pb.Locate{} }, func(*pb.Locate) (locate, error) { return locate{}, nil }),
		cluster.MessageOf(7, func(c erase) *pb.Erase { return &pb.Erase{Broadcast: string(c.broadcast)} },
			func(m *pb.Erase) (erase, error) { return erase{id.Broadcast(m.GetBroadcast())}, nil }),
		cluster.MessageOf(8, func(c tend) *pb.Tend { return &pb.Tend{Broadcast: string(c.broadcast)} },
			func(m *pb.Tend) (tend, error) { return tend{id.Broadcast(m.GetBroadcast())}, nil }),

		cluster.LocalOf(32, func(s *live.Stream) (*pb.Opened, *live.Stream) { return &pb.Opened{}, s },
			func(_ *pb.Opened, s *live.Stream) (*live.Stream, error) {
				if s == nil {
					return nil, errNothing
				}
				return s, nil
			}),
		cluster.LocalOf(33, func(h channel.Held) (*pb.Held, *live.Stream) { return &pb.Held{Fence: h.Fence}, h.Stream },
			func(m *pb.Held, s *live.Stream) (channel.Held, error) {
				return channel.Held{Fence: m.GetFence(), Stream: s}, nil
			}),
		cluster.MessageOf(34, livepb.OfHealth, livepb.ToHealth),
		cluster.LocalOf(35, func(p *packager.Packager) (*pb.Located, *packager.Packager) { return &pb.Located{}, p },
			func(_ *pb.Located, p *packager.Packager) (*packager.Packager, error) {
				if p == nil {
					return nil, errNothing
				}
				return p, nil
			}),
		cluster.MessageOf(36, func(struct{}) *pb.Done { return &pb.Done{} }, func(*pb.Done) (struct{}, error) { return struct{}{}, nil }),
	}
}

func openOut(c open) *pb.Open {
	return &pb.Open{
		Channel: string(c.Channel), Broadcast: string(c.Broadcast), Resumes: c.Resumes, Start: moment.Proto(c.Start), Fence: c.Fence,
		Tracks: livepb.OfTracks(c.Tracks), Room: string(c.Room), Title: c.Title,
	}
}

func openIn(m *pb.Open) (open, error) {
	return open{channel.Opening{
		Channel: id.Channel(m.GetChannel()), Broadcast: id.Broadcast(m.GetBroadcast()), Resumes: m.GetResumes(),
		Start: moment.Time(m.GetStart()), Fence: m.GetFence(), Tracks: livepb.ToTracks(m.GetTracks()),
		Room: id.Room(m.GetRoom()), Title: m.GetTitle(),
	}}, nil
}
