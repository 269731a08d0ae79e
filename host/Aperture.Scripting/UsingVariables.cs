using System.Reflection;

namespace Aperture.Scripting;

/// <summary>
/// What <c>using</c> declarations of a session hold. Each is disposed when an entry declares its name anew, else when the session ends, last ones first.
/// </summary>
/// <param name="onError">Gets what a disposal threw.</param>
internal sealed class UsingVariables(Action<Exception> onError)
{
    private readonly List<(string Name, object Value)> _held = [];

    /// <summary>Whether anything is held.</summary>
    public bool Any => _held.Count > 0;

    /// <summary>Takes over what a submission that ran has declared.</summary>
    /// <param name="submission">Its object.</param>
    /// <param name="usings">The names of its variables that are to be disposed.</param>
    public void Follow(object submission, IReadOnlyList<string> usings)
    {
        if (_held.Count == 0 && usings.Count == 0)
        {
            return;
        }

        IReadOnlyList<FieldInfo> fields = SubmissionChain.VariablesOf(submission);
        Dispose(_held.FindAll(held => fields.Any(field => field.Name == held.Name)));
        foreach (FieldInfo field in fields.Where(field => usings.Contains(field.Name)))
        {
            if (field.GetValue(submission) is { } value)
            {
                _held.Add((field.Name, value));
            }
        }
    }

    /// <summary>Disposes everything that is held.</summary>
    public void DisposeAll() => Dispose([.. _held]);

    private void Dispose(List<(string Name, object Value)> ended)
    {
        _held.RemoveAll(ended.Contains);
        List<Exception> errors = [];
        foreach ((_, object value) in Enumerable.Reverse(ended))
        {
            try
            {
                if (value is IDisposable disposable)
                {
                    disposable.Dispose();
                }
                else
                {
                    ((IAsyncDisposable)value).DisposeAsync().AsTask().GetAwaiter().GetResult();
                }
            }
            catch (Exception e)
            {
                // The script's own code, of whatever type: the others are disposed all the same.
                errors.Add(e);
            }
        }

        errors.ForEach(onError);
    }
}
