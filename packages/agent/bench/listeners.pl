# Opens sockets that listen on loopback: PROCESSES processes with EACH sockets. Prints "ready", then one more socket is
# opened, and the one before closed, for each line that comes in. Ends, with its children, when the input ends.
use strict;
use Socket;

my ($processes, $each) = @ARGV;

sub listener {
  socket(my $socket, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
  bind($socket, sockaddr_in(0, INADDR_LOOPBACK)) or die "bind: $!";
  listen($socket, 16) or die "listen: $!";
  return $socket;
}

pipe(my $ready, my $tell);
my @children;
for (2 .. $processes) {
  my $child = fork() // die "fork: $!";
  if ($child) { push @children, $child; next }
  close STDIN;
  my @sockets = map { listener() } 1 .. $each;
  syswrite $tell, '.';
  sleep 3600 while getppid() != 1;
  exit;
}
my @own = map { listener() } 1 .. $each;
for (@children) { sysread $ready, my $byte, 1 }
$| = 1;
print "ready\n";
my $extra;
while (<STDIN>) { $extra = listener(); print "done\n" }
kill 'KILL', @children;
waitpid $_, 0 for @children;
