using System.IO.Compression;

namespace Aperture.Hub;

/// <summary>Reads answers: decodes them where a server compresses although it was asked not to, and gives up when one stands still.</summary>
internal static class HubBody
{
    public static bool IsEncoded(HttpResponseMessage response) => response.Content.Headers.ContentEncoding.Any(e => e != "identity");

    public static async Task<Stream> OpenAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        Stream body = await response.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        foreach (string encoding in response.Content.Headers.ContentEncoding.Reverse())
        {
            body = encoding switch
            {
                "gzip" => new GZipStream(body, CompressionMode.Decompress),
                "deflate" => new ZLibStream(body, CompressionMode.Decompress),
                "br" => new BrotliStream(body, CompressionMode.Decompress),
                "identity" => body,
                _ => throw new HubException(
                    HubFailure.BadAnswer, $"{response.RequestMessage!.RequestUri!.Host} answers in the encoding '{encoding}', which nobody asked for."),
            };
        }

        return body;
    }

    /// <summary>
    /// Copies until the end; <see cref="TimeoutException"/> when nothing comes for <paramref name="idle"/>, <see cref="InvalidDataException"/> when more than
    /// <paramref name="most"/> bytes come.
    /// </summary>
    public static async Task CopyAsync(Stream from, MemoryStream to, long most, TimeSpan idle, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[1 << 16];
        while (await ReadAsync(from, buffer, idle, cancellationToken).ConfigureAwait(false) is > 0 and int read)
        {
            if (to.Length + read > most)
            {
                throw new InvalidDataException($"it has more than {most >> 20} MiB");
            }

            await to.WriteAsync(buffer.AsMemory(0, read), cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Reads the next bytes; 0 at the end.</summary>
    public static async Task<int> ReadAsync(Stream from, Memory<byte> buffer, TimeSpan idle, CancellationToken cancellationToken)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(idle);
        try
        {
            return await from.ReadAsync(buffer, limit.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException e) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"no bytes for {idle.TotalSeconds:0.#} s", e);
        }
    }
}
