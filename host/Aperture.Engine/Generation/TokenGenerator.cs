using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Aperture.Decoding;
using Aperture.Tasks;

namespace Aperture.Generation;

/// <summary>Generates from prompts in one go.</summary>
/// <param name="decoder">The decoder; borrowed.</param>
public sealed class TokenGenerator(Decoder decoder)
{
    /// <summary>Begins a session for a chat: the prompt has run when this returns.</summary>
    /// <param name="input">The prompts.</param>
    /// <param name="table">The pipeline's hooks; null for none.</param>
    /// <param name="trace">Who listens to the forwards; null for nobody.</param>
    /// <param name="reserve">Rows expected after the prompt.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    /// <returns>The session; the caller disposes it.</returns>
    public GenerationSession Begin(GenerationInput input, HookTable? table, IDecoderTrace? trace, int reserve, CancellationToken cancellationToken)
    {
        GenerationSession? session = null;
        try
        {
            KvCache cache = new(decoder.Spec.Layers, input.Layouts.Count, reserve, decoder.Cache);
            session = new GenerationSession(decoder, new RequestContext(decoder.Info, input.Layouts, table, trace, cache, input.NextPositions));
            session.Prefill(input.Rows, cancellationToken);
            return session;
        }
        catch
        {
            input.Rows.Dispose();
            session?.Dispose();
            throw;
        }
    }

    /// <summary>Runs prompts and generates their answers.</summary>
    /// <param name="input">The prompts.</param>
    /// <param name="options">How to choose and when to end.</param>
    /// <param name="control">Who listens and who may end it; null for nobody.</param>
    /// <param name="table">The pipeline's hooks; null for none.</param>
    /// <param name="trace">Who listens to the forwards; null for nobody.</param>
    /// <param name="cancellationToken">Checked between layers and tokens.</param>
    /// <exception cref="ApertureException">An option is out of range, or a prompt is empty.</exception>
    public GenerationResult Generate(
        GenerationInput input, GenerationOptions options, GenerationControl? control = null, HookTable? table = null, IDecoderTrace? trace = null,
        CancellationToken cancellationToken = default)
    {
        try
        {
            options.Validate();
        }
        catch
        {
            input.Rows.Dispose();
            throw;
        }

        using GenerationSession session = Begin(input, table, trace, options.MaxNewTokens, cancellationToken);
        return session.Generate(options, control ?? GenerationControl.None, input.SeenIds, cancellationToken);
    }

    /// <summary>Generates on a thread of its own and hands out tokens as they come. Leaving the enumeration ends the generation.</summary>
    /// <param name="input">The prompts.</param>
    /// <param name="options">How to choose and when to end.</param>
    /// <param name="control">Who listens and who may end it; null for nobody.</param>
    /// <param name="table">The pipeline's hooks; null for none.</param>
    /// <param name="trace">Who listens to the forwards; null for nobody.</param>
    /// <param name="cancellationToken">Checked between layers and tokens.</param>
    public async IAsyncEnumerable<GeneratedToken> StreamAsync(
        GenerationInput input,
        GenerationOptions options,
        GenerationControl? control = null,
        HookTable? table = null,
        IDecoderTrace? trace = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using CancellationTokenSource left = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Channel<GeneratedToken> tokens = Channel.CreateUnbounded<GeneratedToken>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        GenerationControl own = control ?? GenerationControl.None;
        Action<GeneratedToken>? also = own.OnToken;
        own = own with
        {
            OnToken = token =>
            {
                also?.Invoke(token);
                tokens.Writer.TryWrite(token);
            },
        };
        Task generating = Task.Factory.StartNew(
            () =>
            {
                try
                {
                    Generate(input, options, own, table, trace, left.Token);
                }
                finally
                {
                    tokens.Writer.Complete();
                }
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default);
        bool read = false;
        try
        {
            await foreach (GeneratedToken token in tokens.Reader.ReadAllAsync(CancellationToken.None).ConfigureAwait(false))
            {
                yield return token;
            }

            read = true;
        }
        finally
        {
            if (!read)
            {
                await left.CancelAsync().ConfigureAwait(false);
            }

            // Whatever ended it, the generation is over and everything it held is disposed when the enumeration ends.
            await generating.ConfigureAwait(read ? ConfigureAwaitOptions.None : ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
