package follower

import (
	pb "github.com/barrage-live/barrage/actors/follower/followerpb"
	"github.com/barrage-live/barrage/cluster"
)

// messages are what crosses to followers; they answer nothing. A number is never given a second meaning.
func messages() []cluster.Message {
	return []cluster.Message{
		cluster.MessageOf(1, func(News) *pb.News { return &pb.News{} }, func(*pb.News) (News, error) { return News{}, nil }),
		cluster.MessageOf(2, func(CatchUp) *pb.CatchUp { return &pb.CatchUp{} }, func(*pb.CatchUp) (CatchUp, error) { return CatchUp{}, nil }),
	}
}
