namespace Aperture.Requests;

/// <summary>Wall time of one request by stage, in milliseconds; the device is waited for at each border.</summary>
/// <param name="Vision">Preprocessing and vision tower.</param>
/// <param name="Projector">Projector and what acts before and behind it.</param>
/// <param name="Prefill">The prompt through the decoder, methods included.</param>
/// <param name="Method">Time inside methods' hooks up to the first token, on pictures and before the decoder too; 0 where it was not measured.</param>
/// <param name="DecodePerToken">Median of a generated token after the first; 0 with fewer than two tokens.</param>
public sealed record StageTimes(double Vision, double Projector, double Prefill, double Method, double DecodePerToken)
{
    /// <summary>Time to the first token.</summary>
    public double FirstToken => Vision + Projector + Prefill;
}
