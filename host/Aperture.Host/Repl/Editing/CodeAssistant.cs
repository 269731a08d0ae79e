using Aperture.Scripting;

namespace Aperture.Host.Repl;

/// <summary>
/// Asks for colours, completions and signatures while the user types, and keeps the newest answers. A change cancels what is still being looked for; the editor
/// calls <see cref="Poll"/> between keys, so that nothing here blocks typing, not even a compiler that is still loading.
/// </summary>
/// <param name="intelligence">Knows the code that is typed; null where text is typed, which gets no help.</param>
internal sealed class CodeAssistant(SessionIntelligence? intelligence) : IDisposable
{
    private CancellationTokenSource _cancel = new();
    private Task<IReadOnlyList<CodeSpan>>? _colouring;
    private Task<CodeCompletions?>? _completing;
    private Task<CodeSignatures?>? _signing;
    private string _colouredText = "";
    private string _askedText = "";
    private IReadOnlyList<CodeSpan> _colours = [];

    /// <summary>Completions for the text as it was when they were asked for; null while there are none.</summary>
    public CodeCompletions? Completions { get; private set; }

    public CodeSignatures? Signatures { get; private set; }

    /// <summary>Whether an answer is outstanding.</summary>
    public bool IsBusy => _colouring is not null || _completing is not null || _signing is not null;

    public bool IsColouring => _colouring is not null;

    public bool IsCompleting => _completing is not null;

    /// <summary>The text or the cursor changed.</summary>
    public void Ask(string text, int cursor, bool complete)
    {
        if (intelligence is null)
        {
            return;
        }

        _cancel.Cancel();
        _cancel.Dispose();
        _cancel = new CancellationTokenSource();
        (_completing, _signing) = (null, null);
        _colouring = text == _colouredText ? null : intelligence.ClassifyAsync(text, _cancel.Token);
        _askedText = text;
        Completions = complete ? Completions : null;
        if (complete)
        {
            _completing = intelligence.CompleteAsync(text, cursor, _cancel.Token)!;
        }

        if (text.AsSpan(0, cursor).ContainsAny('(', '['))
        {
            _signing = intelligence.SignaturesAsync(text, cursor, _cancel.Token);
        }
        else
        {
            Signatures = null;
        }
    }

    /// <summary>Takes the answers that have come; true if there is something new to draw.</summary>
    public bool Poll()
    {
        bool changed = false;
        if (Take(ref _colouring, [], out IReadOnlyList<CodeSpan> colours))
        {
            (_colours, _colouredText, changed) = (colours, _askedText, true);
        }

        if (Take(ref _completing, null, out CodeCompletions? completions))
        {
            (Completions, changed) = (completions is { Items.Count: > 0 } ? completions : null, true);
        }

        if (Take(ref _signing, null, out CodeSignatures? signatures))
        {
            (Signatures, changed) = (signatures, true);
        }

        return changed;
    }

    public void CloseCompletions() => (Completions, _completing) = (null, null);

    /// <summary>Shows the next overload, or the one before.</summary>
    public void TurnSignature(int steps)
    {
        if (Signatures is { } all)
        {
            Signatures = all with { Active = (all.Active + steps + all.Items.Count) % all.Items.Count };
        }
    }

    public void CloseSignatures() => (Signatures, _signing) = (null, null);

    /// <summary>The colours known for a text: those of the last answer, as far as the text has not changed since.</summary>
    public IReadOnlyList<CodeSpan> ColoursOf(string text)
    {
        int same = text.AsSpan().CommonPrefixLength(_colouredText);
        return same == text.Length && same == _colouredText.Length ? _colours : [.. _colours.TakeWhile(span => span.Start + span.Length <= same)];
    }

    public void Dispose()
    {
        _cancel.Cancel();
        _cancel.Dispose();
    }

    // Help that fails (a Roslyn bug on odd code) is no help; typing goes on.
    private static bool Take<T>(ref Task<T>? task, T none, out T answer)
    {
        answer = none;
        if (task is not { IsCompleted: true } done)
        {
            return false;
        }

        task = null;
        answer = done.IsCompletedSuccessfully ? done.Result : none;
        return done.IsCompletedSuccessfully;
    }
}
