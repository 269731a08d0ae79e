using System.Net;
using System.Security.Cryptography;
using System.Text;

namespace Aperture.Hub;

/// <summary>
/// Downloads one blob into a partial file that later runs go on with: resumes by range, starts over when the server does not honour the range,
/// and checks size and hash: SHA-256 for large storage, git's otherwise. The caller holds the blob's lock.
/// </summary>
internal sealed class HubTransfer(HubHttp http, HubSettings settings, HubFileInfo info, string name, Action<long> progress) : IDisposable
{
    /// <summary>The most that is taken in where neither the hub's list nor its answer for the file says a size.</summary>
    private const long LargestUnannounced = 256L << 20;

    private const int MaxTries = 5;
    private readonly byte[] _buffer = new byte[1 << 18];
    private IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    private long Most => info.Size ?? LargestUnannounced;

    /// <summary>Leaves the whole, checked blob at <paramref name="path"/>.</summary>
    public async Task FetchAsync(string path, CancellationToken cancellationToken)
    {
        using FileStream file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        bool resumed = await TakeOverAsync(file, cancellationToken).ConfigureAwait(false);
        await ReceiveAsync(file, cancellationToken).ConfigureAwait(false);
        bool matches = await MatchesAsync(file, cancellationToken).ConfigureAwait(false);
        if (!matches && resumed)
        {
            // What an earlier run had left was not the beginning of this file.
            Restart(file);
            await ReceiveAsync(file, cancellationToken).ConfigureAwait(false);
            matches = await MatchesAsync(file, cancellationToken).ConfigureAwait(false);
        }

        if (!matches)
        {
            file.SetLength(0);
            string kind = HubNames.IsSha256(info.Etag) ? "SHA-256" : "git hash";
            throw new HubException(
                HubFailure.Damaged, $"{name} arrived with another {kind} than the hub announced ({info.Etag[..12]}…); it was discarded, try again.");
        }

        await file.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    public void Dispose() => _hash.Dispose();

    // The bytes that an earlier run left behind go through the hash first.
    private async Task<bool> TakeOverAsync(FileStream file, CancellationToken cancellationToken)
    {
        if (file.Length == 0)
        {
            return false;
        }

        if (file.Length > Most)
        {
            Restart(file);
            return false;
        }

        for (int read; (read = await file.ReadAsync(_buffer, cancellationToken).ConfigureAwait(false)) > 0;)
        {
            _hash.AppendData(_buffer, 0, read);
        }

        progress(file.Position);
        return true;
    }

    private async Task ReceiveAsync(FileStream file, CancellationToken cancellationToken)
    {
        int tries = 0;
        bool isWhole = file.Position == info.Size;
        while (!isWhole)
        {
            long before = file.Position;
            try
            {
                isWhole = await ReceiveOnceAsync(file, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e) when (
                e is (IOException and not DiskException) or InvalidDataException or TimeoutException or HubException { Failure: HubFailure.Network })
            {
                tries = file.Position > before ? 1 : tries + 1;
                if (tries > MaxTries)
                {
                    throw e as HubException ?? HubErrors.Unreachable(settings, e, info.Source.Host);
                }

                await Task.Delay(settings.RetryDelay * Math.Pow(2, tries - 1), cancellationToken).ConfigureAwait(false);
            }
        }
    }

    private async Task<bool> ReceiveOnceAsync(FileStream file, CancellationToken cancellationToken)
    {
        using HttpResponseMessage response = await http.GetAsync(info.Source, file.Position, cancellationToken).ConfigureAwait(false);
        if (response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
        {
            Restart(file);
            throw new IOException("the server refuses to go on from where the download stopped");
        }

        if (!response.IsSuccessStatusCode)
        {
            throw ErrorFor(response);
        }

        bool goesOn = response.StatusCode == HttpStatusCode.PartialContent
            && response.Content.Headers.ContentRange?.From == file.Position
            && !HubBody.IsEncoded(response);
        if (file.Position > 0 && !goesOn)
        {
            Restart(file);
            if (response.StatusCode == HttpStatusCode.PartialContent)
            {
                throw new IOException("the server sent another range than was asked for");
            }
        }

        using Stream body = await HubBody.OpenAsync(response, cancellationToken).ConfigureAwait(false);
        while (await HubBody.ReadAsync(body, _buffer, settings.DownloadTimeout, cancellationToken).ConfigureAwait(false) is > 0 and int read)
        {
            if (file.Position + read > Most)
            {
                Restart(file);
                string why = info.Size is null ? "that a file of unknown size may have" : "the hub announced";
                throw new HubException(HubFailure.Damaged, $"{name} is longer than the {Most} bytes {why}; it was discarded, try again.");
            }

            await WriteAsync(file, read, cancellationToken).ConfigureAwait(false);
            _hash.AppendData(_buffer, 0, read);
            progress(file.Position);
        }

        return file.Position == info.Size || info.Size is null
            ? true
            : throw new IOException($"the connection ended after {file.Position} of {info.Size} bytes");
    }

    private HubException ErrorFor(HttpResponseMessage response)
    {
        int status = (int)response.StatusCode;
        HubFailure failure = status switch
        {
            429 => HubFailure.RateLimited,
            401 or 403 => HubFailure.AccessDenied,
            >= 500 or 408 => HubFailure.Network,
            _ => HubFailure.BadAnswer,
        };
        return new HubException(failure, $"{info.Source.Host} answers {status} {response.ReasonPhrase} for {name}; try again later.");
    }

    // An error of the disk is none of the connection's, and trying again would not mend it.
    private async Task WriteAsync(FileStream file, int count, CancellationToken cancellationToken)
    {
        try
        {
            await file.WriteAsync(_buffer.AsMemory(0, count), cancellationToken).ConfigureAwait(false);
        }
        catch (IOException e)
        {
            throw new DiskException(e);
        }
    }

    private async Task<bool> MatchesAsync(FileStream file, CancellationToken cancellationToken)
    {
        if (HubNames.IsSha256(info.Etag))
        {
            return Convert.ToHexStringLower(_hash.GetCurrentHash()) == info.Etag;
        }

        if (!HubNames.IsGitHash(info.Etag))
        {
            return true; // a mirror's own etag says nothing about the bytes
        }

        await file.FlushAsync(cancellationToken).ConfigureAwait(false);
        return await GitHashAsync(file, cancellationToken).ConfigureAwait(false) == info.Etag;
    }

#pragma warning disable CA5350 // Git names its objects by SHA-1.
    private async Task<string> GitHashAsync(FileStream file, CancellationToken cancellationToken)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA1);
        hash.AppendData(Encoding.ASCII.GetBytes($"blob {file.Length}\0"));
        file.Position = 0;
        for (int read; (read = await file.ReadAsync(_buffer, cancellationToken).ConfigureAwait(false)) > 0;)
        {
            hash.AppendData(_buffer, 0, read);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
#pragma warning restore CA5350

    private void Restart(FileStream file)
    {
        file.SetLength(0);
        file.Position = 0;
        _hash.Dispose();
        _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        progress(0);
    }

    private sealed class DiskException(Exception cause) : IOException(cause.Message, cause);
}
