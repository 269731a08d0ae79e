using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Aperture.Pipelines;

/// <summary>Hands out the pieces of an answer as they come. Leaving the enumeration ends the answer and waits until it has ended.</summary>
internal static class PieceStream
{
    /// <summary>The pieces of an answer.</summary>
    /// <param name="ask">Asks: gets who takes the pieces, and when to stop.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async IAsyncEnumerable<string> Of(
        Func<Action<string>, CancellationToken, Task> ask, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        using CancellationTokenSource left = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Channel<string> pieces = Channel.CreateUnbounded<string>();
        Task asking = AskAsync(ask, pieces.Writer, left.Token);
        bool read = false;
        try
        {
            await foreach (string piece in pieces.Reader.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
            {
                yield return piece;
            }

            read = true;
        }
        finally
        {
            if (!read)
            {
                await left.CancelAsync().ConfigureAwait(false);
            }

            await asking.ConfigureAwait(read ? ConfigureAwaitOptions.None : ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private static async Task AskAsync(Func<Action<string>, CancellationToken, Task> ask, ChannelWriter<string> pieces, CancellationToken cancellationToken)
    {
        try
        {
            await ask(piece => pieces.TryWrite(piece), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            pieces.Complete();
        }
    }
}
