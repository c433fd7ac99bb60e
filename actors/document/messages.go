package document

import (
	pb "github.com/barrage-live/barrage/actors/document/documentpb"
	"github.com/barrage-live/barrage/cluster"
)

// reserved is from where on the numbers of messages are this package's; below, they are the kind's own.
const reserved = 1000

// messages are those of a kind and what every kind is told. A kind without has none: a message of its own
// would not cross.
func messages(own []cluster.Message) []cluster.Message {
	if own == nil {
		return nil
	}
	return append([]cluster.Message{
		cluster.MessageOf(reserved, func(Wake) *pb.Wake { return &pb.Wake{} }, func(*pb.Wake) (Wake, error) { return Wake{}, nil }),
	}, own...)
}
